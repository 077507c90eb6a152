// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Block;

/// <summary>Names an existing node, or holds the options of a new one (QAPI alternate BlockdevRef).</summary>
[JsonConverter(typeof(BlockdevRefConverter))]
[QapiExtensible(QapiExtension.BlockdevRef)]
public readonly record struct BlockdevRef
{
    private BlockdevRef(string? nodeName, JsonElement options)
    {
        NodeName = nodeName;
        Options = options;
    }

    /// <summary>Set for a reference.</summary>
    public string? NodeName { get; }

    /// <summary>An object, set for a definition.</summary>
    public JsonElement Options { get; }

    [MemberNotNullWhen(true, nameof(NodeName))]
    public bool IsReference => NodeName is not null;

    public static BlockdevRef To(string nodeName) => new(nodeName, default);

    public static BlockdevRef New(JsonElement options) => new(null, options);
}

/// <summary>As <see cref="BlockdevRef"/>, or nothing: null, and "" in QEMU's older form.</summary>
[JsonConverter(typeof(BlockdevRefOrNullConverter))]
[QapiExtensible(QapiExtension.BlockdevRefOrNull)]
public sealed record BlockdevRefOrNull(BlockdevRef? Value);

public sealed class BlockdevRefConverter : JsonConverter<BlockdevRef>
{
    public override BlockdevRef Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType switch
        {
            JsonTokenType.String => BlockdevRef.To(reader.GetString()!),
            JsonTokenType.StartObject => BlockdevRef.New(JsonElement.ParseValue(ref reader)),
            _ => throw new JsonException("expected a node name or an object"),
        };

    public override void Write(Utf8JsonWriter writer, BlockdevRef value, JsonSerializerOptions options)
    {
        if (value.IsReference)
            writer.WriteStringValue(value.NodeName);
        else
            value.Options.WriteTo(writer);
    }
}

public sealed class BlockdevRefOrNullConverter : JsonConverter<BlockdevRefOrNull>
{
    public override bool HandleNull => true;

    public override BlockdevRefOrNull Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType switch
        {
            JsonTokenType.Null => new(Value: null),
            JsonTokenType.String when reader.ValueTextEquals(""u8) => new(Value: null),
            JsonTokenType.String => new(BlockdevRef.To(reader.GetString()!)),
            JsonTokenType.StartObject => new(BlockdevRef.New(JsonElement.ParseValue(ref reader))),
            _ => throw new JsonException("expected a node name, an object or null"),
        };

    public override void Write(Utf8JsonWriter writer, BlockdevRefOrNull value, JsonSerializerOptions options)
    {
        if (value.Value is not { } reference)
            writer.WriteNullValue();
        else if (reference.IsReference)
            writer.WriteStringValue(reference.NodeName);
        else
            reference.Options.WriteTo(writer);
    }
}
