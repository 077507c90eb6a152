// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;

namespace BlockHost.Core.Block.Opening;

/// <summary>From a header's backing file to the options that open it.</summary>
internal static class BackingFiles
{
    /// <param name="overlayFile">File name of the image that records it: relative names start from its folder.</param>
    /// <exception cref="BlockException">The header names no format, and guessing one is not allowed.</exception>
    public static JsonElement OptionsOf(BackingFileReference recorded, string? overlayFile, bool allowProbing)
    {
        if (recorded.Format is null && !allowProbing && !FileNameOptions.IsJson(recorded.FileName))
        {
            throw new BlockException(
                BlockErrorKind.InvalidArgument,
                $"The image records no format for its backing file '{recorded.FileName}', and a guest can forge one: give the option 'backing' with the format, or record it in the image");
        }

        var fileName = Resolve(recorded.FileName, overlayFile);
        return JsonObjects.Write(writer =>
        {
            if (recorded.Format is { } format)
                writer.WriteString("driver", format);
            writer.WriteString("filename", fileName);
        });
    }

    /// <summary>The backing file's name as seen from here.</summary>
    /// <exception cref="BlockException">A relative name, and nothing to start from.</exception>
    public static string Resolve(string fileName, string? overlayFile)
    {
        if (ImageFileName.TryResolve(overlayFile ?? "json:", fileName, out var resolved))
            return resolved;
        throw new BlockException(BlockErrorKind.InvalidArgument, $"Cannot use relative backing file names for '{overlayFile}'");
    }
}
