// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Vvfat.Tests.Support;

/// <summary>Programs that know FAT.</summary>
internal static class Judges
{
    /// <summary>Of the partition on a hard disk.</summary>
    public const int PartitionAt = 63 * 512;

    /// <param name="volume">A file with the volume alone.</param>
    public static void CheckSound(string volume)
    {
        Programs.Require("fsck.fat");
        var result = CommandRunner.Run("fsck.fat", "-n", volume);
        Assert.True(result.ExitCode == 0 && !result.Output.Contains("There are differences"), result.ToString());
    }

    /// <summary>All that mtools finds on the volume: paths, and the content of files.</summary>
    public static SortedDictionary<string, string> Contents(string volume, string emptyFolder)
    {
        Programs.Require("mcopy");
        Directory.CreateDirectory(emptyFolder);
        CommandRunner.Check(emptyFolder, "env", "LC_ALL=C.UTF-8", "mcopy", "-s", "-n", "-m", "-i", volume, "::*", ".");
        return ContentsOf(emptyFolder);
    }

    /// <summary>The same of a folder. Folders end in a slash; of large files there is a hash.</summary>
    public static SortedDictionary<string, string> ContentsOf(string folder)
    {
        var result = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateDirectories(folder, "*", SearchOption.AllDirectories))
            result[Path.GetRelativePath(folder, path) + "/"] = "";
        foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            result[Path.GetRelativePath(folder, path)] = Summary(File.ReadAllBytes(path));
        return result;
    }

    public static void CheckSame(SortedDictionary<string, string> expected, SortedDictionary<string, string> found)
    {
        Assert.Equal("", string.Join('\n', expected.Except(found)));
        Assert.Equal("", string.Join('\n', found.Except(expected)));
    }

    private static string Summary(byte[] content) =>
        $"{content.Length} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(content))[..16]}";
}
