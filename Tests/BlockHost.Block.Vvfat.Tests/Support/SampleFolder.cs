// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Vvfat.Tests.Support;

/// <summary>Folders to show.</summary>
internal static class SampleFolder
{
    /// <summary>Names of every kind, files of every size around sectors and clusters, folders in folders.</summary>
    public static void Fill(string folder)
    {
        Write(folder, "README", 3);
        Write(folder, "hello.txt", 6);
        Write(folder, "empty", 0);
        Write(folder, "A name with spaces, and one that is long.text", 513);
        Write(folder, "Ünïcode 日本.dat", 8191);
        Write(folder, ".hidden", 8192);
        Write(folder, "tar.gz.sig", 8193);
        Write(folder, "sub/data.bin", 100_000);
        Write(folder, "sub/deep/deeper/leaf", 1);
        Directory.CreateDirectory(Path.Combine(folder, "sub/nothing"));
    }

    public static byte[] Write(string folder, string name, int length)
    {
        var content = new byte[length];
        // Of each file another one.
        new Random(name.Aggregate(length, (seed, c) => (seed * 31) + c)).NextBytes(content);
        var path = Path.Combine(folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        return content;
    }
}
