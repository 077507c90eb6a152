// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;

namespace BlockHost.Plugins.Commands.Block.Types;

[JsonConverter(typeof(JsonStringEnumConverter<DebugNodeType>))]
internal enum DebugNodeType
{
    [JsonStringEnumMemberName("block-backend")]
    Backend = 0,

    [JsonStringEnumMemberName("block-job")]
    Job = 1,

    [JsonStringEnumMemberName("block-driver")]
    Driver = 2,
}

[JsonConverter(typeof(JsonStringEnumConverter<DebugPermission>))]
internal enum DebugPermission
{
    [JsonStringEnumMemberName("consistent-read")]
    ConsistentRead = 0,

    [JsonStringEnumMemberName("write")]
    Write = 1,

    [JsonStringEnumMemberName("write-unchanged")]
    WriteUnchanged = 2,

    [JsonStringEnumMemberName("resize")]
    Resize = 3,
}

internal sealed record DebugGraphNode
{
    public required ulong Id { get; init; }

    public required DebugNodeType Type { get; init; }

    public required string Name { get; init; }
}

internal sealed record DebugGraphEdge
{
    public required ulong Parent { get; init; }

    public required ulong Child { get; init; }

    public required string Name { get; init; }

    public required IReadOnlyList<DebugPermission> Perm { get; init; }

    public required IReadOnlyList<DebugPermission> SharedPerm { get; init; }

    public static IReadOnlyList<DebugPermission> List(BlockPermissions permissions) =>
        [.. Enum.GetValues<DebugPermission>().Where(bit => ((int)permissions & (1 << (int)bit)) != 0)];
}

/// <summary>QAPI struct XDbgBlockGraph.</summary>
internal sealed record DebugGraph
{
    public required IReadOnlyList<DebugGraphNode> Nodes { get; init; }

    public required IReadOnlyList<DebugGraphEdge> Edges { get; init; }
}
