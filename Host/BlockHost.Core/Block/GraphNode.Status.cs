// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Io;

namespace BlockHost.Core.Block;

/// <summary>Block status: the driver's answer, completed by what lies under it.</summary>
internal sealed partial class GraphNode
{
    private StatusGap _gap = new(0, 0);

    /// <summary>State of a run on this node and what it delegates to.</summary>
    /// <param name="self">The link asked through; the source of a node that answers for itself.</param>
    public async ValueTask<BlockStatus> GetStatusAsync(
        IBlockChild? self, long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        CheckRange(offset, bytes);
        var length = Length;
        if (offset >= length)
            return new BlockStatus(bytes, BlockStatusFlags.Zero | BlockStatusFlags.Eof);
        bytes = Math.Min(bytes, length - offset);
        var status = await OwnStatusAsync(self, offset, bytes, precision, cancellationToken).ConfigureAwait(false);
        if ((status.Flags & BlockStatusFlags.Raw) != 0)
            status = await DelegatedStatusAsync(status, precision, cancellationToken).ConfigureAwait(false);
        else
            status = await CompletedStatusAsync(status, offset, precision, cancellationToken).ConfigureAwait(false);
        var atEnd = offset + status.Bytes >= length;
        return status with { Flags = atEnd ? status.Flags | BlockStatusFlags.Eof : status.Flags & ~BlockStatusFlags.Eof };
    }

    /// <summary>State of a run over this node and its backing files.</summary>
    public async ValueTask<ChainStatus> GetChainStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        var depth = 0;
        var bottom = default(BlockStatus);
        var absent = BlockStatusFlags.Zero;
        for (var layer = this; layer is not null; layer = layer.NextInChain, depth++)
        {
            if (depth > 0 && offset >= layer.Length)
            {
                bottom = default;
                break;
            }

            var known = Volatile.Read(ref layer._gap);
            if (layer.KeepsGaps && known.Holds(offset))
            {
                bytes = Math.Min(bytes, known.End - offset);
                bottom = default;
                continue;
            }

            var status = await layer.GetStatusAsync(
                self: null, offset, bytes, precision, cancellationToken).ConfigureAwait(false);
            if (layer.KeepsGaps && IsGap(status))
                await layer.NoteGapAsync(known, offset, status.Bytes, bytes, cancellationToken).ConfigureAwait(false);
            if ((status.Flags & BlockStatusFlags.Allocated) != 0)
                return ToChain(status, offset, depth, layer);
            bytes = status.Bytes;
            bottom = layer.NextInChain is null ? status : default;
            // What storage itself does not vouch for (a server, asked for its dirty bitmap) is no zeroes.
            if (depth == 0 && layer.Driver.Kind == BlockDriverKind.Protocol)
                absent = BlockStatusFlags.None;
        }

        // Storage can wait for data at the bottom of the chain: zeroes with an offset.
        return ToChain(
            bottom with { Bytes = bytes, Flags = (bottom.Flags & BlockStatusFlags.OffsetValid) | absent }, offset, depth, this);
    }

    /// <summary>
    /// The layer's last gap, a run that the layers below answer for, is remembered while nobody changes the image. So a walk over
    /// a chain asks each layer once for each of its own runs, not again for every run of the layers above.
    /// </summary>
    private bool KeepsGaps =>
        Driver is { SupportsBacking: true, Kind: BlockDriverKind.Format } && Generic.ReadOnly && !IsReopening
        && (CommittedPermissions.Needed & ~BlockPermissions.ConsistentRead) == BlockPermissions.None;

    private static bool IsGap(BlockStatus status) =>
        (status.Flags & (BlockStatusFlags.Allocated | BlockStatusFlags.OffsetValid)) == 0;

    /// <summary>What is known of the image may not hold any longer, nor what is being asked at this moment.</summary>
    public void ForgetGaps() => Volatile.Write(ref _gap, new(0, 0));

    /// <param name="known">Remembered when the layer was asked: where it is forgotten by now, the image may have changed
    /// since.</param>
    /// <param name="bytes">Of the gap, as far as it was asked for.</param>
    /// <param name="asked">Where the gap fills what was asked for, it may go on.</param>
    private async ValueTask NoteGapAsync(
        StatusGap known, long offset, long bytes, long asked, CancellationToken cancellationToken)
    {
        var end = offset + bytes;
        if (bytes == asked && end < Length)
        {
            var rest = await GetStatusAsync(
                self: null, end, Length - end, StatusPrecision.AllocationOnly, cancellationToken).ConfigureAwait(false);
            if (IsGap(rest))
                end += rest.Bytes;
        }

        Interlocked.CompareExchange(ref _gap, new StatusGap(offset, end), known);
    }

    private GraphNode? NextInChain => (FilteredLink ?? BackingLink)?.Child;

    private ChainStatus ToChain(BlockStatus status, long offset, int depth, GraphNode layer)
    {
        var flags = status.Flags & ~(BlockStatusFlags.Raw | BlockStatusFlags.Recurse | BlockStatusFlags.Eof);
        var file = (flags & BlockStatusFlags.OffsetValid) == 0 ? null : (status.Source as ChildLink)?.Child ?? layer;
        return new ChainStatus(IoStatus.Ok, status.Bytes, flags | EndsNode(offset, status.Bytes), depth, status.HostOffset, file);
    }

    private BlockStatusFlags EndsNode(long offset, long bytes) =>
        offset + bytes >= Length ? BlockStatusFlags.Eof : BlockStatusFlags.None;

    private async ValueTask<BlockStatus> OwnStatusAsync(
        IBlockChild? self, long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        if (Profile.Status != Support.Native)
            return WholeRange(self, offset, bytes);
        var range = new AlignedRange(offset, bytes, _alignmentMask);
        var status = await StatusFromDriverAsync(
            range.Start, range.End - range.Start, precision, cancellationToken).ConfigureAwait(false);
        if (status.Bytes <= range.Head)
            throw new BlockException(
                BlockErrorKind.Io, $"Driver '{Driver.FormatName}' gave a block status of {status.Bytes} bytes at {range.Start}")
            { NodeName = Name, Offset = offset };
        var hostOffset = (status.Flags & (BlockStatusFlags.OffsetValid | BlockStatusFlags.Raw)) != 0
            ? status.HostOffset + range.Head
            : 0;
        return status with
        {
            Bytes = Math.Min(
            status.Bytes - range.Head, bytes),
            HostOffset = hostOffset,
            Source = status.Source ?? self
        };
    }

    private async ValueTask<BlockStatus> StatusFromDriverAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        if (Gate.IsUnlimited)
            return await Node.GetStatusAsync(offset, bytes, precision, cancellationToken).ConfigureAwait(false);
        var answer = new StrongBox<BlockStatus>();
        await Gate.RunAsync((Node, offset, bytes, precision, answer, cancellationToken), static async r =>
            r.answer.Value = await r.Node.GetStatusAsync(
                r.offset,
                r.bytes,
                r.precision,
                r.cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        return answer.Value;
    }

    /// <summary>A node that cannot tell: everything is data; of a protocol, where it says.</summary>
    private BlockStatus WholeRange(IBlockChild? self, long offset, long bytes)
    {
        var flags = BlockStatusFlags.Data | BlockStatusFlags.Allocated;
        return Driver.Kind == BlockDriverKind.Protocol
            ? new BlockStatus(bytes, flags | BlockStatusFlags.OffsetValid, offset, self)
            : new BlockStatus(bytes, flags);
    }

    private static async ValueTask<BlockStatus> DelegatedStatusAsync(
        BlockStatus status, StatusPrecision precision, CancellationToken cancellationToken)
    {
        if (status.Source is not { } source)
            throw new BlockException(BlockErrorKind.Io, "A driver delegated a block status to no child");
        return await source.GetStatusAsync(status.HostOffset, status.Bytes, precision, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<BlockStatus> CompletedStatusAsync(
        BlockStatus status, long offset, StatusPrecision precision, CancellationToken cancellationToken)
    {
        var flags = status.Flags;
        if ((flags & (BlockStatusFlags.Data | BlockStatusFlags.Zero)) != 0)
            flags |= BlockStatusFlags.Allocated;
        else if ((flags & BlockStatusFlags.Allocated) == 0 && precision == StatusPrecision.WantZero && Driver.SupportsBacking
            && ReadsZeroesBelow(offset))
            flags |= BlockStatusFlags.Zero;
        status = status with { Flags = flags };
        const BlockStatusFlags dataBelow = BlockStatusFlags.Recurse | BlockStatusFlags.Data | BlockStatusFlags.OffsetValid;
        if (precision != StatusPrecision.WantZero || (flags & (dataBelow | BlockStatusFlags.Zero)) != dataBelow
            || status.Source is not { } source)
            return status;
        return await ZeroesBelowAsync(status, source, cancellationToken).ConfigureAwait(false);
    }

    private bool ReadsZeroesBelow(long offset) => BackingLink is not { } backing || offset >= backing.Length;

    /// <summary>Data of a format can lie in a hole of its storage: then it reads as zeroes.</summary>
    private static async ValueTask<BlockStatus> ZeroesBelowAsync(
        BlockStatus status, IBlockChild source, CancellationToken cancellationToken)
    {
        var below = await source.GetStatusAsync(
            status.HostOffset, status.Bytes, StatusPrecision.WantZero, cancellationToken).ConfigureAwait(false);
        if ((below.Flags & BlockStatusFlags.Eof) != 0 && (below.Bytes == 0 || (below.Flags & BlockStatusFlags.Zero) != 0))
            return status with { Flags = status.Flags | BlockStatusFlags.Zero };
        return status with { Bytes = below.Bytes, Flags = status.Flags | (below.Flags & BlockStatusFlags.Zero) };
    }

    private sealed class StatusGap(long start, long end)
    {
        public long End => end;

        public bool Holds(long offset) => offset >= start && offset < End;
    }
}
