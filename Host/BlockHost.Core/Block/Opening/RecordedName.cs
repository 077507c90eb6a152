// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;

namespace BlockHost.Core.Block.Opening;

/// <summary>
/// A file name that an image records is whoever made the image's. As json: it can set options. Some of those that QEMU does not
/// have do harm there: files that are written, programs' configurations. They are for users alone.
/// </summary>
internal static class RecordedName
{
    private const string OwnPrefix = "x-blockhost-";

    /// <summary>Names in names; more than anybody needs.</summary>
    private const int MaxNesting = 8;

    /// <exception cref="BlockException">The name sets an option that is for users alone.</exception>
    public static void Check(string fileName)
    {
        if (FindOwn(fileName, 0) is { } option)
            throw new BlockException(
                BlockErrorKind.PermissionDenied, $"The image sets the option '{option}' of its backing file, which only a user may");
    }

    private static string? FindOwn(string fileName, int nesting)
    {
        if (!FileNameOptions.IsJson(fileName))
            return null;
        if (nesting == MaxNesting)
            return "filename";
        try
        {
            using var json = JsonDocument.Parse(fileName["json:".Length..]);
            return FindOwn(json.RootElement, nesting);
        }
        catch (JsonException)
        {
            // What it is instead is said when it is opened.
            return null;
        }
    }

    private static string? FindOwn(JsonElement value, int nesting) => value.ValueKind switch
    {
        JsonValueKind.Object => value.EnumerateObject()
            .Select(member => IsOwn(member.Name) ? member.Name : FindOwn(member.Value, nesting))
            .FirstOrDefault(found => found is not null),
        JsonValueKind.Array => value.EnumerateArray()
            .Select(item => FindOwn(item, nesting))
            .FirstOrDefault(found => found is not null),
        JsonValueKind.String => FindOwn(value.GetString()!, nesting + 1),
        _ => null,
    };

    /// <summary>As it is, or in a dotted path.</summary>
    private static bool IsOwn(string option) =>
        option.Split('.').Any(part => part.StartsWith(OwnPrefix, StringComparison.Ordinal));
}
