// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Block;

/// <summary>
/// The QAPI union BlockdevOptions as a command argument: common members and, by "driver", those of a registered
/// driver. Kept as JSON because the branches come from plugins; the host has validated it.
/// </summary>
[JsonConverter(typeof(QapiUnionConverter<BlockdevOptions>))]
[QapiExtensible(QapiExtension.BlockdevOptions)]
public sealed record BlockdevOptions(JsonElement Json) : IQapiUnion<BlockdevOptions>
{
    public static BlockdevOptions From(JsonElement json) => new(json);
}
