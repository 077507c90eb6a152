// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Block.Facets;
using BlockHost.Qmp;

namespace BlockHost.Block.Graph;

/// <summary>QAPI struct SnapshotInfo. Times: UTC, and clocks of the guest.</summary>
public sealed record SnapshotInfo
{
    [JsonPropertyName("id")]
    public required string Id { get; init; }

    [JsonPropertyName("name")]
    public required string Name { get; init; }

    [JsonPropertyName("vm-state-size")]
    public required long VmStateSize { get; init; }

    [JsonPropertyName("date-sec")]
    public required long DateSeconds { get; init; }

    [JsonPropertyName("date-nsec")]
    public required long DateNanoseconds { get; init; }

    [JsonPropertyName("vm-clock-sec")]
    public required long VmClockSeconds { get; init; }

    [JsonPropertyName("vm-clock-nsec")]
    public required long VmClockNanoseconds { get; init; }

    [JsonPropertyName("icount")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? InstructionCount { get; init; }

    public static SnapshotInfo From(SnapshotRecord snapshot) => new()
    {
        Id = snapshot.Id,
        Name = snapshot.Name,
        VmStateSize = snapshot.VmStateSize,
        DateSeconds = snapshot.Date.ToUnixTimeSeconds(),
        DateNanoseconds = snapshot.DateNanoseconds,
        VmClockSeconds = snapshot.VmClock.Ticks / TimeSpan.TicksPerSecond,
        VmClockNanoseconds = snapshot.VmClockNanoseconds,
        InstructionCount = snapshot.InstructionCount,
    };
}

/// <summary>QAPI union ImageInfoSpecific: the data is of the driver's <see cref="BlockDriver.SpecificInfoType"/>.</summary>
[QapiExtensible(QapiExtension.ImageInfoSpecific)]
public sealed record ImageInfoSpecific
{
    [JsonPropertyName("type")]
    public required string Type { get; init; }

    [JsonPropertyName("data")]
    public required JsonElement Data { get; init; }
}

/// <summary>QAPI struct ImageInfo. Sizes in bytes.</summary>
public sealed record ImageInfo
{
    [JsonPropertyName("filename")]
    public required string FileName { get; init; }

    [JsonPropertyName("format")]
    public required string Format { get; init; }

    [JsonPropertyName("dirty-flag")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? DirtyFlag { get; init; }

    [JsonPropertyName("actual-size")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? ActualSize { get; init; }

    [JsonPropertyName("virtual-size")]
    public required long VirtualSize { get; init; }

    [JsonPropertyName("cluster-size")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? ClusterSize { get; init; }

    [JsonPropertyName("encrypted")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Encrypted { get; init; }

    [JsonPropertyName("compressed")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? Compressed { get; init; }

    [JsonPropertyName("backing-filename")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? BackingFileName { get; init; }

    [JsonPropertyName("full-backing-filename")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? FullBackingFileName { get; init; }

    [JsonPropertyName("backing-filename-format")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? BackingFileNameFormat { get; init; }

    [JsonPropertyName("snapshots")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<SnapshotInfo>? Snapshots { get; init; }

    [JsonPropertyName("backing-image")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ImageInfo? BackingImage { get; init; }

    [JsonPropertyName("format-specific")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ImageInfoSpecific? FormatSpecific { get; init; }

    /// <summary>The facts of <paramref name="node"/>.</summary>
    /// <param name="withBackingChain">Fill <see cref="BackingImage"/>, all the way down.</param>
    public static async ValueTask<ImageInfo> OfAsync(IGraphNode node, bool withBackingChain, CancellationToken cancellationToken)
    {
        var facts = await node.GetFactsAsync(cancellationToken).ConfigureAwait(false);
        var snapshots = node.FindSnapshotStore() is { } store
            ? await store.ListAsync(cancellationToken).ConfigureAwait(false)
            : [];
        return new ImageInfo
        {
            FileName = node.FileName,
            Format = node.Driver.FormatName,
            DirtyFlag = facts.Dirty,
            ActualSize = facts.AllocatedSize,
            VirtualSize = node.Length,
            ClusterSize = facts.ClusterSize > 0 ? facts.ClusterSize : null,
            Encrypted = facts.Encrypted ? true : null,
            Compressed = facts.Compressed ? true : null,
            BackingFileName = facts.Backing?.FileName,
            FullBackingFileName = facts.Backing is { } backing ? FullName(node, backing.FileName) : null,
            BackingFileNameFormat = facts.Backing?.Format,
            Snapshots = snapshots.Count > 0 ? [.. snapshots.Select(SnapshotInfo.From)] : null,
            BackingImage = withBackingChain && NextLayer(node) is { } next
                ? await OfAsync(next, withBackingChain, cancellationToken).ConfigureAwait(false)
                : null,
            FormatSpecific = facts.Specific is { } data ? new() { Type = node.Driver.FormatName, Data = data } : null,
        };
    }

    // To queries, what a filter filters is a backing image like others.
    private static IGraphNode? NextLayer(IGraphNode node) => node.Driver.Kind == BlockDriverKind.Filter
        ? node.Children.FirstOrDefault(edge => (edge.Role & BlockChildRole.Filtered) != 0)?.Child
        : node.Backing;

    // An image with a json: name has the folder of its storage.
    private static string? FullName(IGraphNode node, string backing)
    {
        while (ImageFileName.ProtocolOf(node.FileName) is "json" && node.Children.FirstOrDefault(edge => (edge.Role & BlockChildRole.Primary) != 0) is { } storage)
            node = storage.Child;
        return ImageFileName.TryResolve(node.FileName, backing, out var resolved) ? resolved : null;
    }
}
