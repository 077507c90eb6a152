// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects;

/// <summary>The QAPI union ObjectOptions as a command argument: "qom-type", "id" and the properties of that type.</summary>
[JsonConverter(typeof(ObjectOptionsConverter))]
[QapiExtensible(QapiExtension.ObjectOptions)]
public sealed record ObjectOptions(JsonElement Json);

public sealed class ObjectOptionsConverter : JsonConverter<ObjectOptions>
{
    public override ObjectOptions Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        new(JsonElement.ParseValue(ref reader));

    public override void Write(Utf8JsonWriter writer, ObjectOptions value, JsonSerializerOptions options) => value.Json.WriteTo(writer);
}
