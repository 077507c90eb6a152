// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;

namespace BlockHost.Qmp;

/// <summary>
/// A QAPI union as a command argument that stays JSON, because its branches come from plugins; the host has validated it.
/// <code>
///   [JsonConverter(typeof(QapiUnionConverter&lt;BlockdevOptions&gt;))]
///   [QapiExtensible(QapiExtension.BlockdevOptions)]
///   public sealed record BlockdevOptions(JsonElement Json) : IQapiUnion&lt;BlockdevOptions&gt; { … }
/// </code>
/// </summary>
public interface IQapiUnion<TSelf>
    where TSelf : IQapiUnion<TSelf>
{
    JsonElement Json { get; }

    static abstract TSelf From(JsonElement json);
}

/// <summary>Reads and writes a union as the JSON that it is.</summary>
public sealed class QapiUnionConverter<T> : JsonConverter<T>
    where T : IQapiUnion<T>
{
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        T.From(JsonElement.ParseValue(ref reader));

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => value.Json.WriteTo(writer);
}
