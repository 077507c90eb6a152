// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Types;

internal sealed record SetIoThreadArguments
{
    public required string NodeName { get; init; }

    /// <summary>null: the node's users take any thread.</summary>
    public required StrOrNull Iothread { get; init; }

    /// <summary>Also where the node has users, which keep the threads that they have.</summary>
    public bool? Force { get; init; }
}

/// <summary>A text, or null (QAPI alternate StrOrNull).</summary>
[JsonConverter(typeof(StrOrNullConverter))]
[QapiAlternate(typeof(string), typeof(void))]
internal sealed record StrOrNull(string? Text);

internal sealed class StrOrNullConverter : JsonConverter<StrOrNull>
{
    public override bool HandleNull => true;

    public override StrOrNull Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        new(reader.GetString());

    public override void Write(Utf8JsonWriter writer, StrOrNull value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.Text);
}
