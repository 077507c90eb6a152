// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;

namespace BlockHost.Block;

/// <summary>File names as QEMU reads them: plain paths, "protocol:rest", "json:{…}".</summary>
public static class ImageFileName
{
    /// <summary>Whether the name starts with "protocol:" (a colon before any slash).</summary>
    public static bool HasProtocol(string fileName) => ProtocolOf(fileName) is not null;

    /// <summary>"nbd" of "nbd://host", "json" of "json:{…}", null of a path.</summary>
    public static string? ProtocolOf(string fileName)
    {
        var end = fileName.AsSpan().IndexOfAny(':', '/');
        return end >= 0 && fileName[end] == ':' ? fileName[..end] : null;
    }

    /// <summary>
    /// The name that <paramref name="fileName"/>, found inside the image <paramref name="image"/>, stands for:
    /// a relative path counts from the image's folder.
    /// </summary>
    /// <returns>False where it is relative to an image that has no folder (json:).</returns>
    public static bool TryResolve(string image, string fileName, [NotNullWhen(true)] out string? resolved)
    {
        resolved = fileName;
        if (fileName.StartsWith('/') || HasProtocol(fileName))
            return true;
        if (ProtocolOf(image) is "json")
        {
            resolved = null;
            return false;
        }

        var folderEnd = image.LastIndexOf('/') + 1;
        if (folderEnd == 0 && ProtocolOf(image) is { } protocol)
            folderEnd = protocol.Length + 1;
        resolved = image[..folderEnd] + fileName;
        return true;
    }
}
