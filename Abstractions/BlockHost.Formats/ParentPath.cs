// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Formats;

/// <summary>
/// How differencing images of Windows name their parent: by a path from their own folder, ".\folder\parent.vhd". A name with a
/// drive or a protocol is never followed.
/// </summary>
public static class ParentPath
{
    private const char Separator = '\\';

    /// <param name="fileName">Relative to the image's folder, or absolute.</param>
    /// <exception cref="BlockException">It cannot be written so.</exception>
    public static string Record(string fileName)
    {
        if (fileName.Length == 0 || fileName.AsSpan().IndexOfAny(':', Separator) >= 0)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, $"'{fileName}' cannot be recorded as a parent: it is no plain path");
        var isPlaced = fileName.StartsWith('/') || fileName.StartsWith("./", StringComparison.Ordinal)
            || fileName.StartsWith("../", StringComparison.Ordinal);
        return (isPlaced ? fileName : "./" + fileName).Replace('/', Separator);
    }

    /// <returns>Null: it is not followed.</returns>
    public static string? Follow(string? recorded)
    {
        var name = recorded?.Replace(Separator, '/');
        if (string.IsNullOrEmpty(name) || name.Contains(':', StringComparison.Ordinal))
            return null;
        return name.StartsWith("./", StringComparison.Ordinal) ? name[2..] : name;
    }
}
