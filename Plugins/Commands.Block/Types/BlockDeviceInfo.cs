// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Plugins.Commands.Block.Types;

[JsonConverter(typeof(JsonStringEnumConverter<DetectZeroesOption>))]
internal enum DetectZeroesOption
{
    [JsonStringEnumMemberName("off")]
    Off = 0,

    [JsonStringEnumMemberName("on")]
    On = 1,

    [JsonStringEnumMemberName("unmap")]
    Unmap = 2,
}

internal sealed record BlockdevCacheInfo
{
    public required bool Writeback { get; init; }

    public required bool Direct { get; init; }

    public required bool NoFlush { get; init; }
}

/// <summary>QAPI struct BlockDeviceInfo. Throttling limits are 0: no limit is set on the node.</summary>
internal sealed record BlockDeviceInfo
{
    public required string File { get; init; }

    public string? NodeName { get; init; }

    public required bool Ro { get; init; }

    public required string Drv { get; init; }

    /// <summary>False: the image may be another process's. QEMU 10.0's.</summary>
    public required bool Active { get; init; }

    [JsonPropertyName("backing_file")]
    public string? BackingFile { get; init; }

    [JsonPropertyName("backing_file_depth")]
    public required long BackingFileDepth { get; init; }

    [JsonPropertyName("dirty-bitmaps")]
    public IReadOnlyList<BlockDirtyInfo>? DirtyBitmaps { get; init; }

    public required bool Encrypted { get; init; }

    /// <summary>QEMU's until 6.0: the image was opened without its key, and waits for block_passwd.</summary>
    [JsonPropertyName("encryption_key_missing")]
    public required bool EncryptionKeyMissing { get; init; }

    [JsonPropertyName("detect_zeroes")]
    public required DetectZeroesOption DetectZeroes { get; init; }

    public required long Bps { get; init; }

    [JsonPropertyName("bps_rd")]
    public required long BpsRead { get; init; }

    [JsonPropertyName("bps_wr")]
    public required long BpsWrite { get; init; }

    public required long Iops { get; init; }

    [JsonPropertyName("iops_rd")]
    public required long IopsRead { get; init; }

    [JsonPropertyName("iops_wr")]
    public required long IopsWrite { get; init; }

    public required ImageInfo Image { get; init; }

    public required BlockdevCacheInfo Cache { get; init; }

    [JsonPropertyName("write_threshold")]
    public required long WriteThreshold { get; init; }

    /// <param name="flat">Leave out the image's backing chain, and the depth of it.</param>
    /// <param name="writeThrough">The backend that uses the node makes every write durable.</param>
    public static async ValueTask<BlockDeviceInfo> OfAsync(
        IImages images, IGraphNode node, bool flat, bool writeThrough, CancellationToken cancellationToken)
    {
        var image = await images.DescribeAsync(node, withBackingChain: !flat, cancellationToken).ConfigureAwait(false);
        var isLocked = !node.IsActive && (await node.GetFactsAsync(cancellationToken).ConfigureAwait(false)).IsKeyMissing;
        return new BlockDeviceInfo
        {
            File = node.FileName,
            NodeName = node.Name,
            Ro = node.ReadOnly,
            Drv = node.Driver.FormatName,
            Active = node.IsActive,
            BackingFile = node.Driver.Kind == BlockDriverKind.Filter ? null : node.Backing?.FileName,
            BackingFileDepth = flat ? 0 : Depth(image),
            DirtyBitmaps = BlockDirtyInfo.ListOf(node),
            Encrypted = image.Encrypted ?? false,
            EncryptionKeyMissing = isLocked,
            DetectZeroes = (DetectZeroesOption)node.DetectZeroes,
            Bps = 0,
            BpsRead = 0,
            BpsWrite = 0,
            Iops = 0,
            IopsRead = 0,
            IopsWrite = 0,
            Image = image,
            Cache = new() { Writeback = !writeThrough, Direct = node.CacheDirect, NoFlush = node.CacheNoFlush },
            WriteThreshold = node.WriteThreshold,
        };
    }

    private static long Depth(ImageInfo image)
    {
        long depth = 0;
        for (var backing = image.BackingImage; backing is not null; backing = backing.BackingImage)
            depth++;
        return depth;
    }
}

/// <summary>QAPI struct BlockInfo: a backend with a name, as older clients add them.</summary>
internal sealed record BlockInfo
{
    public required string Device { get; init; }

    public string? Qdev { get; init; }

    public required string Type { get; init; }

    public required bool Removable { get; init; }

    public required bool Locked { get; init; }

    public BlockDeviceInfo? Inserted { get; init; }

    [JsonPropertyName("tray_open")]
    public bool? TrayOpen { get; init; }
}
