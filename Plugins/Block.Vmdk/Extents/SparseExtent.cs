// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Vmdk.Format;

namespace BlockHost.Plugins.Block.Vmdk.Extents;

/// <summary>Grains that are stored where a map says, as they are.</summary>
internal class SparseExtent(
    IBlockChild file, string type, long length, GrainMap map, IIoBufferPool buffers) : VmdkExtent(file, type, length)
{
    /// <summary>Those who change which grains there are take turns at each.</summary>
    private readonly RangeLock _changes = new();

    public override long GrainSize => Layout.GrainSize;

    public override bool IsReadOnly => Layout.IsReadOnly;

    public override bool HasZeroGrain => Layout.HasZeroGrain;

    public GrainMap Map { get; } = map;

    protected GrainLayout Layout => Map.Layout;

    protected IIoBufferPool Buffers { get; } = buffers;

    protected RangeLock Changes => _changes;

    public override async ValueTask ReadAsync(long offset, IoSlice target, BelowReader below, CancellationToken cancellationToken)
    {
        for (long done = 0; done < target.Length;)
        {
            var (entry, bytes) = await FindRunAsync(offset + done, target.Length - done, cancellationToken).ConfigureAwait(false);
            var part = target.Slice(done, bytes);
            if (entry.State == GrainState.Zero)
                part.Clear();
            else if (entry.State == GrainState.Unallocated)
                await below(offset + done, part, cancellationToken).ConfigureAwait(false);
            else
                await ReadStoredAsync(entry.Offset, (offset + done) % GrainSize, part, cancellationToken).ConfigureAwait(false);
            done += bytes;
        }
    }

    public override async ValueTask WriteAsync(
        long offset, IoSlice source, BelowReader below, CancellationToken cancellationToken)
    {
        for (long done = 0; done < source.Length;)
        {
            var (entry, bytes) = await FindRunAsync(offset + done, source.Length - done, cancellationToken).ConfigureAwait(false);
            if (entry.State == GrainState.Stored)
                await WriteStoredAsync(
                    entry.Offset,
                    (offset + done) % GrainSize,
                    source.Slice(done, bytes),
                    cancellationToken).ConfigureAwait(false);
            else
                bytes = await WriteNewAsync(
                    offset + done, source.Slice(done, bytes), below, cancellationToken).ConfigureAwait(false);
            done += bytes;
        }
    }

    /// <summary>Whole grains that are not stored become zeroed ones; others are written.</summary>
    public override async ValueTask WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        var isWhole = offset % GrainSize == 0 && (bytes % GrainSize == 0 || offset + bytes == Length);
        if (!HasZeroGrain || !isWhole)
            throw new BlockException(BlockErrorKind.NotSupported, "Only whole grains can be zeroed");
        using var hold = await _changes.EnterAsync(offset, bytes, exclusive: true).ConfigureAwait(false);
        for (var grain = offset / GrainSize; grain * GrainSize < offset + bytes; grain++)
        {
            if ((await Map.FindAsync(grain, cancellationToken).ConfigureAwait(false)).State == GrainState.Stored)
                throw new BlockException(BlockErrorKind.NotSupported, "The grain is stored");
        }

        for (var grain = offset / GrainSize; grain * GrainSize < offset + bytes; grain++)
            await Map.SetAsync(grain, new GrainEntry(GrainState.Zero), cancellationToken).ConfigureAwait(false);
        if ((flags & ZeroFlags.Fua) != 0)
            await FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask<BlockStatus> GetStatusAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        var (entry, run) = await FindRunAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
        return entry.State switch
        {
            GrainState.Unallocated => new BlockStatus(run, BlockStatusFlags.None),
            GrainState.Zero => new BlockStatus(run, BlockStatusFlags.Zero),
            _ => StoredStatus(entry.Offset + offset % GrainSize, run),
        };
    }

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => Map.FlushAsync(cancellationToken);

    public override ValueTask WriteAtEndAsync() => Map.WriteAtEndAsync();

    protected virtual BlockStatus StoredStatus(long fileOffset, long bytes) =>
        new(bytes, BlockStatusFlags.Data | BlockStatusFlags.OffsetValid, fileOffset, File);

    protected virtual bool RunsTogether => true;

    protected virtual ValueTask ReadStoredAsync(
        long grainOffset, long within, IoSlice target, CancellationToken cancellationToken) =>
        File.ReadAsync(BlkdebugEvent.ReadAio, grainOffset + within, target, ReadFlags.None, cancellationToken);

    protected virtual ValueTask WriteStoredAsync(
        long grainOffset, long within, IoSlice source, CancellationToken cancellationToken) =>
        File.WriteAsync(BlkdebugEvent.WriteAio, grainOffset + within, source, WriteFlags.None, cancellationToken);

    /// <summary>
    /// Stores grains that are not yet, those before and after the source's bytes included. Returns how much of the source is
    /// written.
    /// </summary>
    protected virtual async ValueTask<long> WriteNewAsync(
        long offset, IoSlice source, BelowReader below, CancellationToken cancellationToken)
    {
        var first = offset / GrainSize;
        var within = offset % GrainSize;
        var start = first * GrainSize;
        var bytes = within > 0 || source.Length < GrainSize
            ? Math.Min(source.Length, GrainSize - within)
            : source.Length / GrainSize * GrainSize;
        using var hold = await _changes.EnterAsync(start, within + bytes, exclusive: true).ConfigureAwait(false);
        // Somebody may have been here first.
        var (entry, run) = await FindRunAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
        if (entry.State == GrainState.Stored)
        {
            await WriteStoredAsync(entry.Offset, within, source.Slice(0, run), cancellationToken).ConfigureAwait(false);
            return run;
        }

        bytes = Math.Min(bytes, run);
        var grains = (within + bytes + GrainSize - 1) / GrainSize;
        var place = await Map.TakeAsync(grains * GrainSize, cancellationToken).ConfigureAwait(false);
        if (bytes == grains * GrainSize)
            await File.WriteAsync(
                BlkdebugEvent.WriteAio, place, source.Slice(0, bytes), WriteFlags.None, cancellationToken).ConfigureAwait(false);
        else
            await WriteCompletedAsync(
                place, start, within, source.Slice(0, bytes), entry, below, cancellationToken).ConfigureAwait(false);
        for (long i = 0; i < grains; i++)
            await Map.SetAsync(
                first + i, new GrainEntry(GrainState.Stored, place + i * GrainSize), cancellationToken).ConfigureAwait(false);
        return bytes;
    }

    /// <summary>One grain, of which the source is a part; the rest is what it read as until now.</summary>
    private async ValueTask WriteCompletedAsync(
        long place,
        long start,
        long within,
        IoSlice source,
        GrainEntry entry,
        BelowReader below,
        CancellationToken cancellationToken)
    {
        using var buffer = Buffers.Rent((int)GrainSize);
        var grain = buffer.Memory;
        var (before, after) = (grain[..(int)within], grain[(int)(within + source.Length)..]);
        await CompleteAsync(entry, start, before, below, cancellationToken).ConfigureAwait(false);
        source.CopyTo(grain.Span[(int)within..]);
        await File.FireAsync(BlkdebugEvent.WriteAio, cancellationToken).ConfigureAwait(false);
        await CompleteAsync(entry, start + within + source.Length, after, below, cancellationToken).ConfigureAwait(false);
        await File.WriteAsync(BlkdebugEvent.CowWrite, place, grain, WriteFlags.None, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask CompleteAsync(
        GrainEntry entry, long offset, Memory<byte> target, BelowReader below, CancellationToken cancellationToken)
    {
        target.Span.Clear();
        var inside = (int)Math.Clamp(Length - offset, 0, target.Length);
        if (inside > 0 && entry.State == GrainState.Unallocated)
            await below(offset, target[..inside], cancellationToken).ConfigureAwait(false);
    }

    /// <summary>How far from an offset grains are alike: stored ones, where they follow each other in the file.</summary>
    protected async ValueTask<(GrainEntry Entry, long Bytes)> FindRunAsync(
        long offset, long bytes, CancellationToken cancellationToken)
    {
        var within = offset % GrainSize;
        var most = (within + bytes + GrainSize - 1) / GrainSize;
        var (entry, grains) = await Map.FindRunAsync(offset / GrainSize, most, cancellationToken).ConfigureAwait(false);
        var run = (entry.State == GrainState.Stored && !RunsTogether ? 1 : grains) * GrainSize - within;
        return (entry, Math.Min(run, bytes));
    }
}
