// SPDX-License-Identifier: MIT
namespace BlockHost.Tools.Differential.Tests.Sides;

/// <summary>Compares what two sides have left behind.</summary>
internal static class FolderComparison
{
    /// <returns>What differs, one line each.</returns>
    public static IEnumerable<string> Differences(string theirs, string ours, IReadOnlySet<string> ignored)
    {
        if (ignored.Contains("*"))
            yield break;
        var left = Names(theirs);
        var right = Names(ours);
        foreach (var name in left.Except(right).Except(ignored))
            yield return $"only QEMU left a file '{name}'";
        foreach (var name in right.Except(left).Except(ignored))
            yield return $"only we left a file '{name}'";
        foreach (var name in left.Intersect(right).Except(ignored))
        {
            if (Difference(Path.Combine(theirs, name), Path.Combine(ours, name)) is { } difference)
                yield return $"'{name}': {difference}";
        }
    }

    public static bool SameBytes(string left, string right)
    {
        using var first = File.OpenRead(left);
        using var second = File.OpenRead(right);
        if (first.Length != second.Length)
            return false;
        var buffer1 = new byte[256 * 1024];
        var buffer2 = new byte[buffer1.Length];
        while (first.ReadAtLeast(buffer1, buffer1.Length, throwOnEndOfStream: false) is > 0 and var read)
        {
            if (second.ReadAtLeast(buffer2, read, throwOnEndOfStream: false) < read
                || !buffer1.AsSpan(0, read).SequenceEqual(buffer2.AsSpan(0, read)))
                return false;
        }

        return true;
    }

    private static string[] Names(string folder) =>
        [.. new DirectoryInfo(folder).EnumerateFiles().Where(
            file =>
                file.UnixFileMode != 0 && file.Attributes is not FileAttributes.Device).Select(file =>
                    file.Name).Order(StringComparer.Ordinal)];

    private static string? Difference(string theirs, string ours)
    {
        if (SameBytes(theirs, ours))
            return null;
        string[] formats = theirs.EndsWith(".raw", StringComparison.Ordinal) ? ["-f", "raw", "-F", "raw"] : [];
        var result = ProgramRunner.Run("/", "qemu-img", ["compare", "-U", .. formats, theirs, ours]);
        var sizesDiffer = result.Output.Contains("Image size mismatch", StringComparison.Ordinal);
        return result.ExitCode == 0 && !sizesDiffer ? null : $"qemu-img compare: {result.Output}{result.Error}";
    }
}
