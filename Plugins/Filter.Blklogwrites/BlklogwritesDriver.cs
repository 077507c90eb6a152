// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Formats.WriteLogs;

namespace BlockHost.Plugins.Filter.Blklogwrites;

/// <summary>The driver "blklogwrites": an image, and a log of all that is written to it.</summary>
internal sealed class BlklogwritesDriver : BlockDriver<BlklogwritesOptions>
{
    private const long UsualInterval = 4096;

    public override string FormatName => "blklogwrites";

    public override BlockDriverKind Kind => BlockDriverKind.Filter;

    public override IReadOnlyList<string> StrongOptions => ["log-append", "log-sector-size"];

    protected override JsonTypeInfo<BlklogwritesOptions> TypedOptionsType => BlklogwritesJson.Default.BlklogwritesOptions;

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, BlklogwritesOptions options, CancellationToken cancellationToken)
    {
        const BlockChildRole role = BlockChildRole.Filtered | BlockChildRole.Primary;
        var file = await context.OpenChildAsync("file", role, options.File, cancellationToken).ConfigureAwait(false);
        var log = await context.OpenChildAsync(
            "log", BlockChildRole.Metadata, options.Log, cancellationToken).ConfigureAwait(false);
        var append = options.LogAppend == true;
        if (append && options.LogSectorSize is not null)
            throw Invalid("log-append and log-sector-size are mutually exclusive");
        var sectorSize = options.LogSectorSize ?? WriteLogHeader.DefaultSectorSize;
        if (!WriteLogHeader.IsSectorSize(sectorSize))
            throw Invalid($"Invalid log sector size {sectorSize}");
        var start = append && log.Length > 0
            ? await WriteLog.FindEndAsync(log, cancellationToken).ConfigureAwait(false)
            : new(new(0, (int)sectorSize), sectorSize);
        var interval = options.LogSuperUpdateInterval ?? UsualInterval;
        if (interval == 0)
            throw Invalid($"Invalid log superblock update interval {interval}");
        return new BlklogwritesNode(file, new WriteLog(log, start, interval));
    }

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
