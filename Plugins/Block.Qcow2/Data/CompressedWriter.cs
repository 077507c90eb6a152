// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats.Packing;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Data;

/// <summary>
/// Compressed writes, of whole clusters that have no storage yet. A batch is packed on all processors; then its clusters
/// get their places in the order of the disk, are written together, and linked. What does not shrink is stored plain.
/// </summary>
internal sealed class CompressedWriter(Qcow2Image image) : IDisposable
{
    private const int BatchBytes = 2 << 20;
    private const int MaxPieces = 64;
    private const int SectorSize = 512;

    private readonly ClusterGeometry _geometry = image.Geometry;
    private readonly ClusterPackers _packers = ClusterPacking.PackersFor(image.Header.Current.Compression);

    private bool _hasWritten;

    /// <exception cref="BlockException">EINVAL: not whole clusters. EIO: a cluster has storage already.</exception>
    public async ValueTask WriteAsync(long offset, IoSlice source, CancellationToken cancellationToken)
    {
        image.Guard.ThrowIfStopped();
        if (image.Header.Current.HasDataFile)
            throw new BlockException(BlockErrorKind.NotSupported, "An external data file cannot hold compressed clusters");
        var end = offset + source.Length;
        if (!_geometry.IsClusterAligned(offset) || (!_geometry.IsClusterAligned(end) && end != image.Length))
            throw new BlockException(BlockErrorKind.InvalidArgument, "A compressed write must cover whole clusters")
            { Offset = offset };
        var batch = Math.Max(BatchBytes, _geometry.ClusterSize * Environment.ProcessorCount);
        var token = await image.Hold.EnterAsync(offset, source.Length, cancellationToken).ConfigureAwait(false);
        try
        {
            for (var done = 0L; done < source.Length; done += batch)
            {
                cancellationToken.ThrowIfCancellationRequested();
                await WriteBatchAsync(
                    offset + done,
                    source.Slice(done, Math.Min(batch, source.Length - done)),
                    cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            image.Epoch.Exit(token);
        }
    }

    /// <summary>Ends the file at a sector, where packed bytes left it elsewhere: some storage is read by whole sectors.</summary>
    public async ValueTask AlignFileEndAsync()
    {
        var end = (image.File.Length + SectorSize - 1) & -(long)SectorSize;
        if (!_hasWritten || !image.File.Profile.Growable || end == image.File.Length) return;
        try
        {
            await image.File.ResizeAsync(end, new ResizeOptions(MayExceed: true)).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            // All data is there; what is missing reads as zeroes.
        }
    }

    public void Dispose() => _packers.Dispose();

    private async ValueTask WriteBatchAsync(long offset, IoSlice source, CancellationToken cancellationToken)
    {
        var bytes = (int)_geometry.ClustersFor(source.Length) << _geometry.ClusterBits;
        using var gathered = source.TryGetMemory(out var content) && content.Length == bytes ? null : image.Buffers.Rent(bytes);
        if (gathered is not null)
        {
            content = gathered.Memory[..bytes];
            source.CopyTo(content.Span);
            content.Span[(int)source.Length..].Clear();
        }
        using var packed = image.Buffers.Rent(bytes);
        var sizes = await _packers.PackAsync(content, packed.Memory[..bytes], _geometry.ClusterSize).ConfigureAwait(false);
        for (var i = 0; i < sizes.Length;)
        {
            var run = RunLength(sizes, i);
            var at = i << _geometry.ClusterBits;
            if (sizes[i] > 0)
                await StoreAsync(
                    offset + at,
                    new ArraySegment<int>(sizes, i, run),
                    packed.Memory[at..],
                    cancellationToken).ConfigureAwait(false);
            else
                await image.Writer.MapAndWriteAsync(
                    offset + at,
                    source.Slice(at, Math.Min((long)run << _geometry.ClusterBits, source.Length - at)),
                    cancellationToken)
                    .ConfigureAwait(false);
            i += run;
        }
    }

    /// <summary>Neighbours that all shrank, or all did not.</summary>
    private static int RunLength(int[] sizes, int first)
    {
        var end = first + 1;
        while (end < sizes.Length && sizes[end] > 0 == sizes[first] > 0) end++;
        return end - first;
    }

    /// <param name="packed">Each cluster's packed bytes at the start of its place.</param>
    private async ValueTask StoreAsync(
        long offset, ArraySegment<int> sizes, Memory<byte> packed, CancellationToken cancellationToken)
    {
        while (sizes.Count > 0)
        {
            await image.RelieveAsync(cancellationToken).ConfigureAwait(false);
            var (place, wanted) = (offset, sizes);
            var (pending, conflict) = await image.ChangeAsync(
                () => ReserveAsync(place, wanted), cancellationToken).ConfigureAwait(false);
            if (pending is null)
            {
                await conflict!.WaitAsync(cancellationToken).ConfigureAwait(false);
                continue;
            }
            await FillAndLinkAsync(pending, packed).ConfigureAwait(false);
            sizes = sizes[pending.Pieces.Length..];
            packed = packed[(pending.Pieces.Length << _geometry.ClusterBits)..];
            offset += (long)pending.Pieces.Length << _geometry.ClusterBits;
        }
    }

    private async ValueTask<(PackedAllocation? Pending, Task? Conflict)> ReserveAsync(long offset, ArraySegment<int> sizes)
    {
        var first = offset >> _geometry.ClusterBits;
        var slice = await image.Map.GetWritableSliceAsync(offset).ConfigureAwait(false);
        var index = image.Map.IndexInSlice(offset);
        var count = Math.Min(Math.Min(sizes.Count, MaxPieces), image.Map.SliceEntries - index);
        if (image.InFlight.Conflict(first, count) is { } conflict) return (null, conflict);
        for (var i = 0; i < count; i++) CheckReplaceable(
            image.Map.EntryAt(slice, index + i), offset + ((long)i << _geometry.ClusterBits));
        var pending = new PackedAllocation(first, await AllocateAsync(sizes[..count]).ConfigureAwait(false));
        await image.File.FireAsync(BlkdebugEvent.L2UpdateCompressed).ConfigureAwait(false);
        image.InFlight.Begin(pending);
        return (pending, null);
    }

    private async ValueTask<CompressedCluster[]> AllocateAsync(ArraySegment<int> sizes)
    {
        var pieces = new List<CompressedCluster>(sizes.Count);
        try
        {
            foreach (var size in sizes)
            {
                await image.File.FireAsync(BlkdebugEvent.ClusterAllocBytes).ConfigureAwait(false);
                pieces.Add(await image.Packed.AllocateAsync(size).ConfigureAwait(false));
                _ = pieces[^1].Encode(_geometry);
            }
            return [.. pieces];
        }
        catch (Exception e)
        {
            await ReleaseAsync(pieces).ConfigureAwait(false);
            if (e is Qcow2FormatException tooFar) throw tooFar.ToBlockException();
            throw;
        }
    }

    /// <summary>As QEMU: compression is for new data alone.</summary>
    private void CheckReplaceable(ClusterEntry old, long guestOffset)
    {
        if (!old.IsSound(_geometry)) throw image.Map.Describe(guestOffset);
        if (old.IsCompressed || old.HostOffset != 0)
            throw new BlockException(BlockErrorKind.Io, "A compressed write cannot replace a cluster that has storage")
            { Offset = guestOffset };
    }

    private async ValueTask FillAndLinkAsync(PackedAllocation pending, Memory<byte> packed)
    {
        try
        {
            await FillAsync(pending, packed).ConfigureAwait(false);
            await LinkAsync(pending).ConfigureAwait(false);
        }
        catch
        {
            using (await image.Gate.AcquireAsync().ConfigureAwait(false))
            {
                try
                {
                    await ReleaseAsync(pending.Pieces).ConfigureAwait(false);
                }
                finally
                {
                    image.InFlight.End(pending);
                }
            }
            throw;
        }
    }

    /// <summary>One write for as many pieces as lie behind one another.</summary>
    private async ValueTask FillAsync(PackedAllocation pending, Memory<byte> packed)
    {
        _hasWritten = true;
        var vector = new IoVector();
        for (var i = 0; i < pending.Pieces.Length; i++)
        {
            var piece = pending.Pieces[i];
            vector.Add(packed.Slice(i << _geometry.ClusterBits, piece.Length));
            var end = piece.HostOffset + piece.Length;
            if (i + 1 < pending.Pieces.Length && pending.Pieces[i + 1].HostOffset == end) continue;
            await image.File.WriteAsync(BlkdebugEvent.WriteCompressed, end - vector.Length, vector).ConfigureAwait(false);
            vector.Clear();
        }
    }

    private async ValueTask LinkAsync(PackedAllocation pending)
    {
        using (await image.Gate.AcquireAsync().ConfigureAwait(false))
        {
            var guestOffset = pending.GuestFirst << _geometry.ClusterBits;
            var slice = await image.Map.GetWritableSliceAsync(guestOffset).ConfigureAwait(false);
            var index = image.Map.IndexInSlice(guestOffset);
            for (var i = 0; i < pending.Pieces.Length; i++)
            {
                var descriptor = pending.Pieces[i].Encode(_geometry);
                image.Reader.Forget(descriptor);
                slice = image.Map.SetEntry(slice, index + i, new ClusterEntry(descriptor, default));
            }
            image.InFlight.End(pending);
        }
    }

    private async ValueTask ReleaseAsync(IEnumerable<CompressedCluster> pieces)
    {
        foreach (var piece in pieces) await image.Packed.ReleaseAsync(piece).ConfigureAwait(false);
    }
}

/// <summary>Places for compressed clusters, until the L2 entries name them.</summary>
/// <param name="Pieces">One for each guest cluster.</param>
internal sealed record PackedAllocation(long GuestFirst, CompressedCluster[] Pieces) : PendingMapping(GuestFirst, Pieces.Length);
