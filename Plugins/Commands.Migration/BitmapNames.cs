// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Plugins.Commands.Migration.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Migration;

/// <summary>
/// How nodes and bitmaps are called in the stream: by the mapping that is set, which leaves out what it does not name, or by
/// their own names.
/// </summary>
internal sealed class BitmapNames(IReadOnlyList<BitmapMigrationNodeAlias>? mapping)
{
    public const int MaxLength = 255;

    /// <exception cref="QmpException">The mapping is ambiguous, or a name has no place in the stream; QEMU's texts.</exception>
    public static void Check(IReadOnlyList<BitmapMigrationNodeAlias> mapping)
    {
        var (nodes, aliases) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        foreach (var node in mapping)
        {
            if (!IsWellFormed(node.Alias))
                throw Invalid($"The node alias '{node.Alias}' is not well-formed");
            if (Encoding.UTF8.GetByteCount(node.Alias) > MaxLength)
                throw Invalid($"The node alias '{node.Alias}' is longer than {MaxLength} bytes");
            if (!nodes.Add(node.NodeName))
                throw Invalid($"The node name '{node.NodeName}' is mapped twice");
            if (!aliases.Add(node.Alias))
                throw Invalid($"The node alias '{node.Alias}' is used twice");
            Check(node);
        }
    }

    /// <summary>The node's name in the stream; null: its bitmaps are left out.</summary>
    public string? OfNode(string name) => mapping is null ? name : Node(name)?.Alias;

    /// <summary>The bitmap's name in the stream, and whether it is to be persistent; null: it is left out.</summary>
    public (string Alias, bool? Persistent)? OfBitmap(string node, string name)
    {
        if (mapping is null)
            return (name, null);
        return Node(node)?.Bitmaps.FirstOrDefault(bitmap => bitmap.Name == name) is { } found
            ? (found.Alias, found.Transform?.Persistent)
            : null;
    }

    /// <summary>The node that is called so in the stream; null: none.</summary>
    public string? NodeOf(string alias) =>
        mapping is null ? alias : mapping.FirstOrDefault(node => node.Alias == alias)?.NodeName;

    /// <summary>The bitmap that is called so in the stream; null: it is left out.</summary>
    public (string Name, bool? Persistent)? BitmapOf(string node, string alias)
    {
        if (mapping is null)
            return (alias, null);
        return Node(node)?.Bitmaps.FirstOrDefault(bitmap => bitmap.Alias == alias) is { } found
            ? (found.Name, found.Transform?.Persistent)
            : null;
    }

    private static void Check(BitmapMigrationNodeAlias node)
    {
        var (names, aliases) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        foreach (var bitmap in node.Bitmaps)
        {
            if (Encoding.UTF8.GetByteCount(bitmap.Alias) > MaxLength)
                throw Invalid($"The bitmap alias '{bitmap.Alias}' is longer than {MaxLength} bytes");
            if (!names.Add(bitmap.Name))
                throw Invalid($"The bitmap '{node.NodeName}'/'{bitmap.Name}' is mapped twice");
            if (!aliases.Add(bitmap.Alias))
                throw Invalid($"The bitmap alias '{node.Alias}'/'{bitmap.Alias}' is used twice");
        }
    }

    private static bool IsWellFormed(string id) =>
        id.Length > 0 && char.IsAsciiLetter(id[0])
            && id.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '.' or '_');

    private static QmpException Invalid(string reason) => new($"Invalid mapping given for block-bitmap-mapping: {reason}");

    private BitmapMigrationNodeAlias? Node(string name) => mapping?.FirstOrDefault(node => node.NodeName == name);
}
