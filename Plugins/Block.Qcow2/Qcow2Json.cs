// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using BlockHost.Plugins.Block.Qcow2.Amending;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Qcow2;

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Qcow2Options))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(Qcow2OverlapCheckMode))]
[JsonSerializable(typeof(Qcow2OverlapCheckFlags))]
[JsonSerializable(typeof(Qcow2CreateOptions))]
[JsonSerializable(typeof(Qcow2AmendOptions))]
[JsonSerializable(typeof(ImageInfoSpecificQcow2))]
internal sealed partial class Qcow2Json : JsonSerializerContext;
