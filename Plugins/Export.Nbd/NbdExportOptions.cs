// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Net;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Export.Nbd;

/// <summary>Options of block-export-add for type "nbd", beside the common ones.</summary>
public sealed record NbdExportOptions
{
    /// <summary>Name clients ask for; default: the node's name.</summary>
    public string? Name { get; init; }

    public string? Description { get; init; }

    /// <summary>Dirty bitmaps to offer as metadata contexts.</summary>
    public IReadOnlyList<BlockDirtyBitmapOrStr>? Bitmaps { get; init; }

    /// <summary>Offer the metadata context qemu:allocation-depth.</summary>
    public bool? AllocationDepth { get; init; }
}

/// <summary>A bitmap of the exported node's chain by name, or of a named node (QAPI alternate BlockDirtyBitmapOrStr).</summary>
[JsonConverter(typeof(BlockDirtyBitmapOrStrConverter))]
[QapiAlternate(typeof(string), typeof(NodeBitmap))]
public sealed record BlockDirtyBitmapOrStr(string Name, string? Node);

/// <summary>QAPI BlockDirtyBitmap.</summary>
public sealed record NodeBitmap
{
    public required string Node { get; init; }

    public required string Name { get; init; }
}

public sealed class BlockDirtyBitmapOrStrConverter : JsonConverter<BlockDirtyBitmapOrStr>
{
    public override BlockDirtyBitmapOrStr Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
            return new(reader.GetString()!, Node: null);
        var bitmap = JsonSerializer.Deserialize(ref reader, NbdJsonContext.Default.NodeBitmap)!;
        return new(bitmap.Name, bitmap.Node);
    }

    public override void Write(Utf8JsonWriter writer, BlockDirtyBitmapOrStr value, JsonSerializerOptions options)
    {
        if (value.Node is null)
            writer.WriteStringValue(value.Name);
        else
            JsonSerializer.Serialize(
                writer, new NodeBitmap { Node = value.Node, Name = value.Name }, NbdJsonContext.Default.NodeBitmap);
    }
}
