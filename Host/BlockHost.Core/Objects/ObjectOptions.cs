// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects;

/// <summary>The QAPI union ObjectOptions as a command argument: "qom-type", "id" and the properties of that type.</summary>
[JsonConverter(typeof(QapiUnionConverter<ObjectOptions>))]
[QapiExtensible(QapiExtension.ObjectOptions)]
public sealed record ObjectOptions(JsonElement Json) : IQapiUnion<ObjectOptions>
{
    public static ObjectOptions From(JsonElement json) => new(json);
}
