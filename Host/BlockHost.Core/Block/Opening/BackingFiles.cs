// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Core.Json;
using BlockHost.Qmp;

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
        return QmpJson.WriteObject(writer =>
        {
            if (recorded.Format is { } format)
                writer.WriteString("driver", format);
            writer.WriteString("filename", fileName);
        });
    }

    /// <summary>Options for a backing file that leave out which file it is, or its format: the header says it.</summary>
    public static JsonElement Completed(JsonElement given, BackingFileReference? recorded, string? overlayFile)
    {
        var hasFile = given.TryGetProperty("filename", out _)
            || (given.TryGetProperty(
                "file", out var file) && (file.ValueKind != JsonValueKind.Object || file.TryGetProperty("filename", out _)));
        return QmpJson.WriteObject(writer =>
        {
            if (recorded?.Format is { } format && !given.TryGetProperty("driver", out _))
                writer.WriteString("driver", format);
            if (recorded is { FileName.Length: > 0 } && !hasFile)
                writer.WriteString("filename", Resolve(recorded.FileName, overlayFile));
            JsonObjects.CopyMembers(writer, given);
        });
    }

    /// <summary>The name of the first of a child's options, as a path.</summary>
    public static string FirstOption(string child, JsonElement options)
    {
        if (options.ValueKind != JsonValueKind.Object || !options.EnumerateObject().Any())
            return child;
        var first = options.TryGetProperty("driver", out _) ? "driver" : options.EnumerateObject().First().Name;
        return FirstOption($"{child}.{first}", options.GetProperty(first));
    }

    /// <summary>The backing file's name as seen from here.</summary>
    /// <exception cref="BlockException">A relative name, and nothing to start from; or one that no image may record.</exception>
    public static string Resolve(string fileName, string? overlayFile)
    {
        RecordedName.Check(fileName);
        if (ImageFileName.TryResolve(overlayFile ?? "json:", fileName, out var resolved))
            return resolved;
        throw new BlockException(BlockErrorKind.InvalidArgument, $"Cannot use relative backing file names for '{overlayFile}'");
    }
}
