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
}
