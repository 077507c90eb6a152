// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Types;

internal sealed record BitmapAddArguments
{
    /// <summary>Device or node name.</summary>
    public required string Node { get; init; }

    public required string Name { get; init; }

    /// <summary>Bytes of a unit; a power of two.</summary>
    public uint? Granularity { get; init; }

    public bool? Persistent { get; init; }

    public bool? Disabled { get; init; }
}

/// <summary>QAPI struct BlockDirtyBitmap.</summary>
internal sealed record BitmapArguments
{
    public required string Node { get; init; }

    public required string Name { get; init; }
}

internal sealed record BitmapMergeArguments
{
    public required string Node { get; init; }

    public required string Target { get; init; }

    public required IReadOnlyList<BlockDirtyBitmapOrStr> Bitmaps { get; init; }
}

internal sealed record BitmapSha256
{
    public required string Sha256 { get; init; }
}

/// <summary>A bitmap of the node in question by its name, or of a named node (QAPI alternate BlockDirtyBitmapOrStr).</summary>
[JsonConverter(typeof(BlockDirtyBitmapOrStrConverter))]
[QapiAlternate(typeof(string), typeof(BitmapArguments))]
internal sealed record BlockDirtyBitmapOrStr(string Name, string? Node);

internal sealed class BlockDirtyBitmapOrStrConverter : JsonConverter<BlockDirtyBitmapOrStr>
{
    public override BlockDirtyBitmapOrStr Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
            return new(reader.GetString()!, Node: null);
        var bitmap = JsonSerializer.Deserialize(ref reader, CommandsJson.Default.BitmapArguments)!;
        return new(bitmap.Name, bitmap.Node);
    }

    public override void Write(Utf8JsonWriter writer, BlockDirtyBitmapOrStr value, JsonSerializerOptions options)
    {
        if (value.Node is null)
            writer.WriteStringValue(value.Name);
        else
            JsonSerializer.Serialize(
                writer, new BitmapArguments { Node = value.Node, Name = value.Name }, CommandsJson.Default.BitmapArguments);
    }
}
