// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Export.Nbd;

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(NbdExportOptions))]
[JsonSerializable(typeof(NodeBitmap))]
[JsonSerializable(typeof(NbdServerOptions))]
[JsonSerializable(typeof(NbdServerAddOptions))]
[JsonSerializable(typeof(NbdServerRemoveOptions))]
internal sealed partial class NbdJsonContext : JsonSerializerContext;
