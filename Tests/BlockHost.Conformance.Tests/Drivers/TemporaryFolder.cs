// SPDX-License-Identifier: MIT
namespace BlockHost.Conformance.Tests.Drivers;

internal sealed class TemporaryFolder : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("conformance-").FullName;

    /// <summary>Files here can be opened with O_DIRECT.</summary>
    public bool SupportsDirect =>
        ProcessRunner.Succeeds("dd", "if=/dev/zero", "of=" + Path.Combine(_path, "direct"), "bs=4096", "count=1", "oflag=direct");

    /// <summary>A new file of zeroes; its path.</summary>
    public string NewFile(long length)
    {
        var path = Path.Combine(_path, Guid.NewGuid().ToString("n") + ".img");
        using var file = File.Create(path);
        file.SetLength(length);
        return path;
    }

    /// <summary>A new folder; its path.</summary>
    public string NewFolder() => Directory.CreateDirectory(Path.Combine(_path, Guid.NewGuid().ToString("n"))).FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);
}
