// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Data;

/// <summary>
/// Guest writes. Into clusters that the image owns alone they go in place, as cheaply as a read. Anything else gets new
/// clusters: allocate under the lock, fill without it (what the guest did not write is copied around its data, all in
/// one vectored write), link under the lock.
/// </summary>
internal sealed class DataWriter(Qcow2Image image)
{
    private static readonly byte[] Zeroes = new byte[64 << 10];

    private readonly ClusterGeometry _geometry = image.Geometry;

    public ValueTask WriteAsync(long offset, IoSlice source, CancellationToken cancellationToken)
    {
        image.Guard.ThrowIfStopped();
        var token = image.Epoch.Enter();
        ValueTask write;
        try
        {
            write = MapAndWriteAsync(offset, source, cancellationToken);
            if (!write.IsCompletedSuccessfully) return LeaveAfterAsync(write, token);
            write.GetAwaiter().GetResult();
        }
        catch
        {
            image.Epoch.Exit(token);
            throw;
        }
        image.Epoch.Exit(token);
        return default;
    }

    /// <summary>Writes for a caller that is already counted as a request.</summary>
    public ValueTask MapAndWriteAsync(long offset, IoSlice source, CancellationToken cancellationToken)
    {
        if (image.Map.TryLookup(offset, source.Length, splitOwned: true, out var extent) && IsInPlace(extent) && extent.Length == source.Length)
        {
            image.Guard.CheckWrite(extent.HostOffset, source.Length);
            return image.File.WriteAsync(extent.HostOffset, source, cancellationToken: cancellationToken);
        }
        return WriteExtentsAsync(offset, source, cancellationToken);
    }

    /// <summary>Writes zeroes as data.</summary>
    public async ValueTask WriteZeroDataAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        for (var done = 0L; done < bytes;)
        {
            var part = (int)Math.Min(bytes - done, Zeroes.Length);
            await MapAndWriteAsync(offset + done, Zeroes.AsMemory(0, part), cancellationToken).ConfigureAwait(false);
            done += part;
        }
    }

    private static bool IsInPlace(Extent extent) => extent is { Kind: ExtentKind.Data, Owned: true };

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask LeaveAfterAsync(ValueTask write, int token)
    {
        try
        {
            await write.ConfigureAwait(false);
        }
        finally
        {
            image.Epoch.Exit(token);
        }
    }

    private async ValueTask WriteExtentsAsync(long offset, IoSlice source, CancellationToken cancellationToken)
    {
        for (var done = 0L; done < source.Length;)
        {
            var rest = source.Slice(done);
            var extent = await image.Map.LookupAsync(offset + done, rest.Length, splitOwned: true, cancellationToken).ConfigureAwait(false);
            if (extent.Kind == ExtentKind.Invalid) throw image.Map.Describe(offset + done);
            if (IsInPlace(extent))
            {
                image.Guard.CheckWrite(extent.HostOffset, extent.Length);
                await image.File.WriteAsync(extent.HostOffset, rest.Slice(0, extent.Length), cancellationToken: cancellationToken).ConfigureAwait(false);
                done += extent.Length;
            }
            else
            {
                done += await AllocateAndWriteAsync(offset + done, rest, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <returns>Bytes written; 0 when somebody else changed the mapping first, and it must be looked up again.</returns>
    private async ValueTask<long> AllocateAndWriteAsync(long offset, IoSlice rest, CancellationToken cancellationToken)
    {
        await image.RelieveAsync(cancellationToken).ConfigureAwait(false);
        var (allocation, conflict) = await image.ChangeAsync(() => PrepareAsync(offset, rest.Length), cancellationToken).ConfigureAwait(false);
        if (allocation is null)
        {
            if (conflict is not null) await conflict.WaitAsync(cancellationToken).ConfigureAwait(false);
            return 0;
        }
        var end = (allocation.GuestFirst + allocation.Count) << _geometry.ClusterBits;
        var part = rest.Slice(0, Math.Min(rest.Length, end - offset));
        try
        {
            // Started work is finished even when the request is cancelled: the clusters are either linked or given back.
            await FillAsync(allocation, offset, part).ConfigureAwait(false);
            await LinkAsync(allocation).ConfigureAwait(false);
        }
        catch
        {
            await AbandonAsync(allocation).ConfigureAwait(false);
            throw;
        }
        return part.Length;
    }

    private async ValueTask<(Allocation? Allocation, Task? Conflict)> PrepareAsync(long offset, long bytes)
    {
        var first = offset >> _geometry.ClusterBits;
        var slice = await image.Map.GetWritableSliceAsync(offset).ConfigureAwait(false);
        var index = image.Map.IndexInSlice(offset);
        var most = (int)Math.Min(image.Map.SliceEntries - index, _geometry.ClustersFor(_geometry.OffsetInCluster(offset) + bytes));
        if (image.InFlight.Conflict(first, most) is { } conflict) return (null, conflict);

        var entry = image.Map.EntryAt(slice, index);
        if (!entry.Compressed && !_geometry.IsClusterAligned(entry.HostOffset)) throw image.Map.Describe(offset);
        if (entry is { Kind: ClusterKind.Data, Copied: true }) return (null, null);
        var allocation = IsOwnedZero(entry)
            ? new Allocation(first, ReusableRun(slice, index, most), IsNew: false)
            : new Allocation(first, await image.Allocator.AllocateAsync(CountReplaced(slice, index, most)).ConfigureAwait(false), IsNew: true);
        image.InFlight.Begin(allocation);
        return (allocation, null);
    }

    private static bool IsOwnedZero(L2Entry entry) => entry is { Kind: ClusterKind.ZeroAllocated, Copied: true };

    /// <summary>Zero clusters whose contiguous host clusters can take the data in place.</summary>
    private ClusterRun ReusableRun(TableSlice slice, int index, int most)
    {
        var host = image.Map.EntryAt(slice, index).HostOffset;
        image.Guard.CheckWrite(host, _geometry.ClusterSize);
        var count = 1;
        for (; count < most; count++)
        {
            var entry = image.Map.EntryAt(slice, index + count);
            var next = host + ((long)count << _geometry.ClusterBits);
            if (!IsOwnedZero(entry) || entry.HostOffset != next) break;
            image.Guard.CheckWrite(next, _geometry.ClusterSize);
        }
        return new ClusterRun(_geometry.ClusterIndex(host), count);
    }

    private int CountReplaced(TableSlice slice, int index, int most)
    {
        var count = 1;
        for (; count < most; count++)
        {
            var entry = image.Map.EntryAt(slice, index + count);
            if (IsOwnedZero(entry) || entry is { Kind: ClusterKind.Data, Copied: true }) break;
        }
        return count;
    }

    /// <summary>Writes the guest's part, and around it what the rest of its first and last cluster reads as.</summary>
    private async ValueTask FillAsync(Allocation allocation, long offset, IoSlice part)
    {
        var start = allocation.GuestFirst << _geometry.ClusterBits;
        var head = (int)(offset - start);
        var tail = (int)(((allocation.Count << _geometry.ClusterBits) - head) - part.Length);
        var host = allocation.Host.First << _geometry.ClusterBits;
        using var before = await ReadAroundAsync(start, head, allocation).ConfigureAwait(false);
        using var after = await ReadAroundAsync(offset + part.Length, tail, allocation).ConfigureAwait(false);

        var vector = new IoVector();
        before.AddTo(vector);
        vector.Add(part);
        after.AddTo(vector);
        await image.File.WriteAsync(before.IsLeftOut ? host + head : host, vector).ConfigureAwait(false);
    }

    private async ValueTask<Surroundings> ReadAroundAsync(long guestOffset, int bytes, Allocation allocation)
    {
        if (bytes == 0) return default;
        if (await ReadsZeroAsync(guestOffset, bytes, allocation).ConfigureAwait(false))
            return allocation.Host.Untouched ? Surroundings.LeftOut : new Surroundings(null, bytes);
        var buffer = image.Buffers.Rent(bytes);
        try
        {
            // The last cluster may reach past the end of the disk, where nothing is to be read.
            var inside = (int)Math.Clamp(image.Length - guestOffset, 0, bytes);
            buffer.Memory.Span[inside..bytes].Clear();
            if (inside > 0)
                await image.Reader.MapAndReadAsync(guestOffset, buffer.Memory[..inside], ReadFlags.None, CancellationToken.None).ConfigureAwait(false);
            return new Surroundings(buffer, bytes);
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    private async ValueTask<bool> ReadsZeroAsync(long guestOffset, int bytes, Allocation allocation)
    {
        if (!allocation.IsNew || guestOffset >= image.Length) return true;
        var extent = await image.Map.LookupAsync(guestOffset, bytes, splitOwned: false, CancellationToken.None).ConfigureAwait(false);
        return extent.Kind == ExtentKind.Zero
            || (extent.Kind == ExtentKind.Unallocated && (image.Backing is not { } backing || guestOffset >= backing.Length));
    }

    private async ValueTask LinkAsync(Allocation allocation)
    {
        using (await image.Gate.AcquireAsync().ConfigureAwait(false))
        {
            var guestOffset = allocation.GuestFirst << _geometry.ClusterBits;
            var slice = await image.Map.GetWritableSliceAsync(guestOffset).ConfigureAwait(false);
            var index = image.Map.IndexInSlice(guestOffset);
            for (var i = 0; i < allocation.Count; i++)
            {
                var old = image.Map.EntryAt(slice, index + i);
                slice = image.Map.SetEntry(slice, index + i, L2Entry.Owned((allocation.Host.First + i) << _geometry.ClusterBits));
                if (allocation.IsNew) image.Map.Retire(old, image.Settings.PassDiscardOther);
            }
            image.InFlight.End(allocation);
        }
    }

    private async ValueTask AbandonAsync(Allocation allocation)
    {
        using (await image.Gate.AcquireAsync().ConfigureAwait(false))
        {
            try
            {
                if (allocation.IsNew) await image.Allocator.ReleaseAsync(allocation.Host).ConfigureAwait(false);
            }
            finally
            {
                image.InFlight.End(allocation);
            }
        }
    }

    /// <summary>What stands before or behind the guest's data in its cluster: a copy, zeroes, or nothing that must be written.</summary>
    private readonly struct Surroundings(System.Buffers.IMemoryOwner<byte>? copy, int bytes) : IDisposable
    {
        /// <summary>Zeroes that the storage already holds.</summary>
        public static Surroundings LeftOut => new(null, -1);

        public bool IsLeftOut => bytes < 0;

        public void AddTo(IoVector vector)
        {
            if (copy is not null)
            {
                vector.Add(copy.Memory[..bytes]);
                return;
            }
            for (var left = bytes; left > 0; left -= Zeroes.Length)
                vector.Add(Zeroes.AsMemory(0, Math.Min(left, Zeroes.Length)));
        }

        public void Dispose() => copy?.Dispose();
    }
}
