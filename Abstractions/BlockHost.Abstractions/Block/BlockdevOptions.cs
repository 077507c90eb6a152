// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Block;

/// <summary>
/// The QAPI union BlockdevOptions as a command argument: common members and, by "driver", those of a registered
/// driver. Kept as JSON because the branches come from plugins; the host has validated it.
/// </summary>
[JsonConverter(typeof(BlockdevOptionsConverter))]
[QapiExtensible(QapiExtension.BlockdevOptions)]
public sealed record BlockdevOptions(JsonElement Json);

public sealed class BlockdevOptionsConverter : JsonConverter<BlockdevOptions>
{
    public override BlockdevOptions Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        new(JsonElement.ParseValue(ref reader));

    public override void Write(Utf8JsonWriter writer, BlockdevOptions value, JsonSerializerOptions options) => value.Json.WriteTo(writer);
}
