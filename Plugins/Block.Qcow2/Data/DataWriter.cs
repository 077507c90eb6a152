// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Data;

/// <summary>
/// Guest writes. Into clusters that the image owns alone they go in place, as cheaply as a read. Anything else gets new
/// clusters, or subclusters of its own: allocate under the lock, fill without it (what the guest did not write is copied
/// around its data, all in one vectored write), link under the lock.
/// </summary>
internal sealed class DataWriter(Qcow2Image image)
{
    private readonly ClusterGeometry _geometry = image.Geometry;

    public ValueTask WriteAsync(long offset, IoSlice source, CancellationToken cancellationToken)
    {
        image.Guard.ThrowIfStopped();
        var token = image.Epoch.Enter();
        if (image.Hold.Conflict(offset, source.Length) is not null)
        {
            image.Epoch.Exit(token);
            return WriteWhenFreeAsync(offset, source, cancellationToken);
        }
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
        if (image.Map.TryLookup(offset, source.Length, splitOwned: true, out var extent) && IsInPlace(extent)
            && extent.Length == source.Length)
        {
            image.Guard.CheckWrite(extent.HostOffset, source.Length);
            return image.Data.WriteAsync(extent.HostOffset, offset, source, cancellationToken);
        }
        return WriteExtentsAsync(offset, source, cancellationToken);
    }

    /// <summary>Writes zeroes as data.</summary>
    public async ValueTask WriteZeroDataAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        for (var done = 0L; done < bytes;)
        {
            var part = (int)Math.Min(bytes - done, ZeroBytes.Block.Length);
            await MapAndWriteAsync(offset + done, ZeroBytes.Block[..part], cancellationToken).ConfigureAwait(false);
            done += part;
        }
    }

    private static bool IsInPlace(Extent extent) => extent is { Kind: ExtentKind.Data, Owned: true };

    private async ValueTask WriteWhenFreeAsync(long offset, IoSlice source, CancellationToken cancellationToken)
    {
        var token = await image.Hold.EnterAsync(offset, source.Length, cancellationToken).ConfigureAwait(false);
        try
        {
            await MapAndWriteAsync(offset, source, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            image.Epoch.Exit(token);
        }
    }

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

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteExtentsAsync(long offset, IoSlice source, CancellationToken cancellationToken)
    {
        var parts = default(RequestParts);
        try
        {
            for (var done = 0L; done < source.Length;)
            {
                var (at, rest) = (offset + done, source.Slice(done));
                var extent = await image.Map.LookupAsync(
                    at, rest.Length, splitOwned: true, cancellationToken).ConfigureAwait(false);
                if (extent.Kind == ExtentKind.Invalid) throw image.Map.Describe(at);
                ValueTask part;
                if (IsInPlace(extent))
                {
                    image.Guard.CheckWrite(extent.HostOffset, extent.Length);
                    part = image.Data.WriteAsync(
                        extent.HostOffset, at, rest.Slice(0, extent.Length), cancellationToken);
                    done += extent.Length;
                }
                else
                {
                    if (await AllocateAsync(
                        at, rest.Length, cancellationToken).ConfigureAwait(false) is not { } allocation) continue;
                    var end = (allocation.GuestFirst + allocation.Count) << _geometry.ClusterBits;
                    var bytes = Math.Min(rest.Length, end - at);
                    part = FillAndLinkAsync(allocation, at, rest.Slice(0, bytes));
                    done += bytes;
                }
                await parts.AddAsync(part, isLast: done == source.Length).ConfigureAwait(false);
            }
        }
        catch
        {
            await parts.SettleAsync().ConfigureAwait(false);
            throw;
        }
        await parts.EndAsync().ConfigureAwait(false);
    }

    /// <returns>Null when somebody else changed the mapping first, and it must be looked up again.</returns>
    private async ValueTask<Allocation?> AllocateAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        await image.RelieveAsync(cancellationToken).ConfigureAwait(false);
        var (allocation, conflict) = await image.ChangeAsync(
            () => image.Planner.PlanAsync(offset, bytes), cancellationToken).ConfigureAwait(false);
        if (allocation is null && conflict is not null) await conflict.WaitAsync(cancellationToken).ConfigureAwait(false);
        return allocation;
    }

    /// <summary>
    /// Started work is finished even when the request is cancelled: the clusters are either linked or given back.
    /// </summary>
    private async ValueTask FillAndLinkAsync(Allocation allocation, long offset, IoSlice part)
    {
        try
        {
            await FillAsync(allocation, offset, part).ConfigureAwait(false);
            await LinkAsync(allocation).ConfigureAwait(false);
        }
        catch
        {
            await AbandonAsync(allocation).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Writes the guest's part, and around it what the rest of the filled range reads as.</summary>
    private async ValueTask FillAsync(Allocation allocation, long offset, IoSlice part)
    {
        var head = (int)(offset - allocation.FillStart);
        var tail = (int)(FillEnd(allocation, offset + part.Length) - offset - part.Length);
        var host = (allocation.Host.First << _geometry.ClusterBits) + allocation.FillStart
            - (allocation.GuestFirst << _geometry.ClusterBits);
        using var before = await Surroundings.ReadAsync(image, allocation.FillStart, head, allocation).ConfigureAwait(false);
        using var after = await Surroundings.ReadAsync(image, offset + part.Length, tail, allocation).ConfigureAwait(false);

        var vector = new IoVector();
        before.AddTo(vector);
        vector.Add(part);
        after.AddTo(vector);
        if (before.IsCopy || after.IsCopy) await image.File.FireAsync(BlkdebugEvent.CowWrite).ConfigureAwait(false);
        var skipped = before.IsLeftOut ? head : 0;
        await image.Data.WriteAsync(host + skipped, allocation.FillStart + skipped, vector).ConfigureAwait(false);
    }

    /// <summary>An external data file does not become longer than the disk.</summary>
    private long FillEnd(Allocation allocation, long written) =>
        image.Data.IsExternal ? Math.Min(allocation.FillEnd, Math.Max(image.Length, written)) : allocation.FillEnd;

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
                slice = image.Map.SetEntry(slice, index + i, Filled(allocation, i, old));
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
                if (allocation.IsNew) await image.Data.GiveBackAsync(allocation.Host).ConfigureAwait(false);
            }
            finally
            {
                image.InFlight.End(allocation);
            }
        }
    }

    private ClusterEntry Filled(Allocation allocation, int number, ClusterEntry old)
    {
        var start = (allocation.GuestFirst + number) << _geometry.ClusterBits;
        var first = _geometry.SubclusterIndex(Math.Max(start, allocation.FillStart));
        var last = _geometry.SubclusterIndex(Math.Min(start + _geometry.ClusterSize, allocation.FillEnd) - 1);
        return old.WithData((allocation.Host.First + number) << _geometry.ClusterBits, first, last - first + 1);
    }
}
