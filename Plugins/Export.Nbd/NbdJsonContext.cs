// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace BlockHost.Plugins.Export.Nbd;

[JsonSourceGenerationOptions(
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(NbdExportOptions))]
[JsonSerializable(typeof(NodeBitmap))]
[JsonSerializable(typeof(NbdServerOptions))]
[JsonSerializable(typeof(NbdServerAddOptions))]
[JsonSerializable(typeof(NbdServerRemoveOptions))]
internal sealed partial class NbdJsonContext : JsonSerializerContext;
