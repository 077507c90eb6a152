// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Images;

/// <summary>The images under an open one.</summary>
internal static class BackingChain
{
    /// <summary>How many layers lie above the image that <paramref name="name"/> stands for; 0: it is not in the chain.</summary>
    /// <param name="name">As the overlay records it, or a file name that starts from the overlay's folder.</param>
    public static int DepthOf(IGraphNode top, string name)
    {
        var depth = 0;
        for (var overlay = top; overlay.Backing is { } backing; overlay = backing)
        {
            depth++;
            if (overlay.RecordedBacking?.FileName == name)
                return depth;
            if (ImageFileName.TryResolve(overlay.FileName, name, out var path) && RealPath(path) == RealPath(backing.FileName))
                return depth;
        }

        return 0;
    }

    /// <summary>The image below so many layers.</summary>
    public static IGraphNode At(IGraphNode top, int depth)
    {
        for (; depth > 0; depth--)
            top = top.Backing ?? throw new ArgumentOutOfRangeException(nameof(depth));
        return top;
    }

    /// <summary>Two names of one file give one path; what is no path stays as it is.</summary>
    private static string RealPath(string name)
    {
        if (ImageFileName.HasProtocol(name))
            return name;
        var path = Path.GetFullPath(name);
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        }
        catch (IOException)
        {
            return path;
        }
    }
}
