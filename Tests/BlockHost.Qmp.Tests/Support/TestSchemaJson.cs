// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Core.Qapi;

namespace BlockHost.Qmp.Tests.Support;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(IReadOnlyList<SchemaInfo>))]
internal sealed partial class TestSchemaJson : JsonSerializerContext;
