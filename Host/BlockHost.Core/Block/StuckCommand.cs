// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Block;

/// <summary>
/// x-blockhost-query-stuck: which requests wait, for how long, and for whom. Out of band, as it is asked where all else hangs.
/// </summary>
internal static class StuckCommand
{
    public static void Register(IPluginRegistry registry, BlockGraph graph) => registry.Add(QmpCommand.Create(
        "x-blockhost-query-stuck",
        () => StuckJson.Default.StuckArguments,
        () => StuckJson.Default.IReadOnlyListStuckInfo,
        (_, arguments, _) => new ValueTask<IReadOnlyList<StuckInfo>>(
            [.. graph.RequestsOlderThan(TimeSpan.FromMilliseconds(arguments.MinAge ?? 0)).Select(Describe)]),
        QmpCommandFlags.AllowOutOfBand,
        ["unstable"]));

    private static StuckInfo Describe(StuckRequest stuck) => new()
    {
        NodeName = stuck.Node.Name,
        User = stuck.User?.Description,
        Type = Backend.NameOf(stuck.Request.Kind),
        Offset = stuck.Request.Offset,
        Bytes = stuck.Request.Bytes,
        Age = (long)stuck.Age.TotalMilliseconds,
        Peers = [.. stuck.Peers.Select(peer => new StuckPeer { NodeName = peer.Name, Filename = peer.FileName })],
    };
}

internal sealed record StuckArguments
{
    /// <summary>Milliseconds; requests that have waited for less are left out.</summary>
    public uint? MinAge { get; init; }
}

/// <summary>One request that waits.</summary>
internal sealed record StuckInfo
{
    /// <summary>Where it entered the graph, or whose peer it was sent to.</summary>
    public required string NodeName { get; init; }

    /// <summary>Who made it, for people; absent: the graph itself, for a user's request or a job's.</summary>
    public string? User { get; init; }

    /// <summary>"read", "write", "flush", "discard" or "block status".</summary>
    public required string Type { get; init; }

    public required long Offset { get; init; }

    public required long Bytes { get; init; }

    /// <summary>Milliseconds.</summary>
    public required long Age { get; init; }

    /// <summary>Whom it may wait for; a yank of each frees it.</summary>
    public required IReadOnlyList<StuckPeer> Peers { get; init; }
}

/// <summary>A node that can be yanked, and where its data is.</summary>
internal sealed record StuckPeer
{
    public required string NodeName { get; init; }

    public required string Filename { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(StuckArguments))]
[JsonSerializable(typeof(IReadOnlyList<StuckInfo>))]
internal sealed partial class StuckJson : JsonSerializerContext;
