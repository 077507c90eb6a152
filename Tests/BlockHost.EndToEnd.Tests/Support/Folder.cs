// SPDX-License-Identifier: MIT
namespace BlockHost.EndToEnd.Tests.Support;

/// <summary>A folder of one test's own; gone afterwards. Its name is short: sockets lie in it.</summary>
internal sealed class Folder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("bh").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
