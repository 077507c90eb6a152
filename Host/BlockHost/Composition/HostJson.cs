// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using BlockHost.Block.Graph;
using BlockHost.Qmp;

namespace BlockHost.Composition;

[JsonSourceGenerationOptions(MaxDepth = QmpJson.MaxDepth)]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(ImageInfo))]
internal sealed partial class HostJson : JsonSerializerContext
{
    public static JsonElement ToElement(JsonObject value) => JsonSerializer.SerializeToElement(value, Default.JsonObject);
}
