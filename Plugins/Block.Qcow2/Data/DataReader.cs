// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Data;

/// <summary>
/// Guest reads. A request that one host extent serves, with its L2 slice cached, takes no lock, allocates nothing and
/// is the child's own task; everything else goes extent by extent.
/// </summary>
internal sealed class DataReader(Qcow2Image image) : IDisposable
{
    private readonly ClusterDecompressor _decompressor = new(image);

    public ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        image.Guard.ThrowIfStopped();

        // Nothing is ever freed in an image that is only read, so requests need not be counted.
        if (!image.Settings.Writable) return MapAndReadAsync(offset, target, flags, cancellationToken);
        var token = image.Epoch.Enter();
        ValueTask read;
        try
        {
            read = MapAndReadAsync(offset, target, flags, cancellationToken);
            if (!read.IsCompletedSuccessfully) return LeaveAfterAsync(read, token);
            read.GetAwaiter().GetResult();
        }
        catch
        {
            image.Epoch.Exit(token);
            throw;
        }
        image.Epoch.Exit(token);
        return default;
    }

    /// <summary>Reads what the guest sees, for a caller that is already counted as a request.</summary>
    public ValueTask MapAndReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        image.Map.TryLookup(offset, target.Length, splitOwned: false, out var extent)
            && extent.Kind == ExtentKind.Data && extent.Length == target.Length
            ? image.Data.ReadAsync(extent.HostOffset, offset, target, flags, cancellationToken)
            : ReadExtentsAsync(offset, target, flags, cancellationToken);

    /// <summary>A descriptor is about to name other bytes than it may have named before.</summary>
    public void Forget(L2Entry descriptor) => _decompressor.Forget(descriptor);

    public void Dispose() => _decompressor.Dispose();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask LeaveAfterAsync(ValueTask read, int token)
    {
        try
        {
            await read.ConfigureAwait(false);
        }
        finally
        {
            image.Epoch.Exit(token);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReadExtentsAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        var parts = default(RequestParts);
        try
        {
            for (var done = 0L; done < target.Length;)
            {
                var extent = await image.Map.LookupAsync(
                    offset + done, target.Length - done, splitOwned: false, cancellationToken).ConfigureAwait(false);
                var part = ReadExtentAsync(extent, offset + done, target.Slice(done, extent.Length), flags, cancellationToken);
                done += extent.Length;
                await parts.AddAsync(part, isLast: done == target.Length).ConfigureAwait(false);
            }
        }
        catch
        {
            await parts.SettleAsync().ConfigureAwait(false);
            throw;
        }
        await parts.EndAsync().ConfigureAwait(false);
    }

    private ValueTask ReadExtentAsync(
        Extent extent, long guestOffset, IoSlice part, ReadFlags flags, CancellationToken cancellationToken)
    {
        switch (extent.Kind)
        {
            case ExtentKind.Data:
                return image.Data.ReadAsync(extent.HostOffset, guestOffset, part, flags, cancellationToken);
            case ExtentKind.Compressed:
                return _decompressor.ReadAsync(
                    extent.Entry.Descriptor, image.Geometry.OffsetInCluster(guestOffset), part, cancellationToken);
            case ExtentKind.Invalid:
                throw image.Map.Describe(guestOffset);
            case ExtentKind.Unallocated when image.Backing is { } backing:
                return ReadBackingAsync(backing, guestOffset, part, flags, cancellationToken);
            default:
                part.Clear();
                return default;
        }
    }

    private ValueTask ReadBackingAsync(
        IBlockChild backing, long guestOffset, IoSlice part, ReadFlags flags, CancellationToken cancellationToken) =>
        image.File.EventTarget is null
            ? backing.ReadAsync(guestOffset, part, flags, cancellationToken)
            : FireAndReadBackingAsync(backing, guestOffset, part, flags, cancellationToken);

    private async ValueTask FireAndReadBackingAsync(
        IBlockChild backing, long guestOffset, IoSlice part, ReadFlags flags, CancellationToken cancellationToken)
    {
        await image.File.FireAsync(BlkdebugEvent.ReadBackingAio, cancellationToken).ConfigureAwait(false);
        await backing.ReadAsync(guestOffset, part, flags, cancellationToken).ConfigureAwait(false);
    }
}
