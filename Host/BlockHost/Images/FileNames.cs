// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Images;

/// <summary>Image names: paths, protocol:…, json:{…}.</summary>
internal static class FileNames
{
    /// <summary>"proto:" at the start, before any slash.</summary>
    public static string? Protocol(string name)
    {
        var end = name.AsSpan().IndexOfAny(':', '/');
        return end > 0 && name[end] == ':' ? name[..end] : null;
    }

    /// <summary>
    /// What a backing file name means in an image of the name <paramref name="image"/>; null: it cannot be told.
    /// </summary>
    public static string? Resolve(string image, string backing) =>
        ImageFileName.TryResolve(image, backing, out var path) ? path : null;
}
