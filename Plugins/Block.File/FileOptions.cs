// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block.Facets;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.File;

[JsonConverter(typeof(JsonStringEnumConverter<BlockdevAioOptions>))]
public enum BlockdevAioOptions
{
    [JsonStringEnumMemberName("threads")]
    Threads = 0,

    [JsonStringEnumMemberName("native")]
    Native = 1,

    [JsonStringEnumMemberName("io_uring")]
    IoUring = 2,
}

[JsonConverter(typeof(JsonStringEnumConverter<OnOffAuto>))]
public enum OnOffAuto
{
    [JsonStringEnumMemberName("auto")]
    Auto = 0,

    [JsonStringEnumMemberName("on")]
    On = 1,

    [JsonStringEnumMemberName("off")]
    Off = 2,
}

/// <summary>Options of the driver file (QAPI BlockdevOptionsFile).</summary>
public record FileOptions
{
    public required string Filename { get; init; }

    /// <summary>Id of a persistent reservation manager.</summary>
    public string? PrManager { get; init; }

    public OnOffAuto Locking { get; init; }

    public BlockdevAioOptions Aio { get; init; }

    /// <summary>Most requests in one submission. They are submitted one by one, so that any value holds.</summary>
    public long AioMaxBatch { get; init; }

    /// <summary>
    /// Drop the page cache where the image may have been changed elsewhere (after a migration); default true.
    /// </summary>
    public bool? DropCache { get; init; }

    [JsonPropertyName("x-check-cache-dropped")]
    [QapiFeature("unstable")]
    public bool CheckCacheDropped { get; init; }
}

/// <summary>Options of the drivers host_device, host_cdrom and host_floppy.</summary>
public sealed record DeviceOptions : FileOptions
{
    /// <summary>Operation codes of SCSI commands that may be passed to the device beside those that only ask.</summary>
    [JsonPropertyName("x-blockhost-scsi-commands")]
    [QapiFeature("unstable")]
    public IReadOnlyList<byte>? ScsiCommands { get; init; }
}

/// <summary>Options to make a file with (QAPI BlockdevCreateOptionsFile).</summary>
public sealed record FileCreateOptions
{
    public required string Filename { get; init; }

    /// <summary>Bytes; rounded up to 512.</summary>
    public required long Size { get; init; }

    public PreallocationMode Preallocation { get; init; }

    /// <summary>Overwrite in place where the file system would copy on write (btrfs).</summary>
    public bool Nocow { get; init; }

    /// <summary>Bytes that the file system allocates at a time (XFS); default 1 MiB, 0: its own choice.</summary>
    public long? ExtentSizeHint { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(FileOptions))]
[JsonSerializable(typeof(DeviceOptions))]
[JsonSerializable(typeof(FileCreateOptions))]
[JsonSerializable(typeof(DiscardStatistics))]
internal sealed partial class FileJson : JsonSerializerContext;
