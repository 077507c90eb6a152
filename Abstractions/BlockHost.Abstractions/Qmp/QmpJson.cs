// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace BlockHost.Qmp;

/// <summary>
/// How deep JSON may be that is made here. Input is bounded by the protocol's own limit; what is written nests once for each
/// layer of a chain of images, and the bounds of System.Text.Json (64 and 1000 levels) are soon reached.
/// </summary>
public static class QmpJson
{
    /// <summary>
    /// Levels of nesting in what is written, and in options that are read. For <c>JsonSourceGenerationOptions</c>.
    /// </summary>
    public const int MaxDepth = 4096;

    public static JsonDocumentOptions Reading => new() { MaxDepth = MaxDepth };

    public static JsonWriterOptions Writing => new() { MaxDepth = MaxDepth };

    /// <summary>The same type in a serializer that goes as deep as <see cref="MaxDepth"/>.</summary>
    public static JsonTypeInfo<T> Deep<T>(this JsonTypeInfo<T> type) => (JsonTypeInfo<T>)Deep((JsonTypeInfo)type);

    /// <inheritdoc cref="Deep{T}(JsonTypeInfo{T})"/>
    public static JsonTypeInfo Deep(this JsonTypeInfo type) => type.Options.MaxDepth >= MaxDepth
        ? type
        : new JsonSerializerOptions(type.Options) { MaxDepth = MaxDepth }.GetTypeInfo(type.Type);

    /// <summary>Exactly one JSON value, which outlives the bytes.</summary>
    public static JsonElement Parse(ReadOnlyMemory<byte> utf8)
    {
        using var document = JsonDocument.Parse(utf8, Reading);
        return document.RootElement.Clone();
    }

    /// <summary>An object with the members that <paramref name="members"/> writes.</summary>
    public static JsonElement WriteObject(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Writing))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }

        return Parse(buffer.WrittenMemory);
    }

    public static JsonElement ToElement(JsonNode node)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Writing))
            node.WriteTo(writer);
        return Parse(buffer.WrittenMemory);
    }
}
