// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Plugins.Commands.Block.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block;

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(BlockdevOptions))]
[JsonSerializable(typeof(BlockdevDelArguments))]
[JsonSerializable(typeof(BlockdevReopenArguments))]
[JsonSerializable(typeof(BlockdevSetActiveArguments))]
[JsonSerializable(typeof(BlockPasswdArguments))]
[JsonSerializable(typeof(BlockdevChangeArguments))]
[JsonSerializable(typeof(SetIoThreadArguments))]
[JsonSerializable(typeof(BlockResizeArguments))]
[JsonSerializable(typeof(WriteThresholdArguments))]
[JsonSerializable(typeof(ChangeBackingFileArguments))]
[JsonSerializable(typeof(SnapshotSyncArguments))]
[JsonSerializable(typeof(SnapshotArguments))]
[JsonSerializable(typeof(InternalSnapshotArguments))]
[JsonSerializable(typeof(InternalSnapshotDeleteArguments))]
[JsonSerializable(typeof(SnapshotInfo))]
[JsonSerializable(typeof(NamedBlockNodesArguments))]
[JsonSerializable(typeof(BlockStatsArguments))]
[JsonSerializable(typeof(IReadOnlyList<BlockDeviceInfo>))]
[JsonSerializable(typeof(IReadOnlyList<BlockInfo>))]
[JsonSerializable(typeof(IReadOnlyList<BlockStatsEntry>))]
[JsonSerializable(typeof(DebugGraph))]
[JsonSerializable(typeof(BitmapAddArguments))]
[JsonSerializable(typeof(BitmapArguments))]
[JsonSerializable(typeof(BitmapMergeArguments))]
[JsonSerializable(typeof(BitmapSha256))]
[JsonSerializable(typeof(BlockTrayArguments))]
[JsonSerializable(typeof(BlockTrayState))]
[JsonSerializable(typeof(BlockScsiArguments))]
[JsonSerializable(typeof(BlockScsiReply))]
internal sealed partial class CommandsJson : JsonSerializerContext;
