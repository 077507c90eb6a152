// SPDX-License-Identifier: MIT
namespace BlockHost.Tools.Nbd;

/// <summary>A Unix socket in a folder that only this user can enter, for a client within this process.</summary>
internal sealed class PrivateSocket : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("blockhost-");

    public string Path => System.IO.Path.Combine(_folder.FullName, "nbd");

    public void Dispose() => _folder.Delete(recursive: true);
}
