// SPDX-License-Identifier: MIT
using System.Numerics;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Formats;

/// <summary>Data's way to the file, with events for fault injection.</summary>
public abstract partial class MappedDisk<TEntry>
    where TEntry : unmanaged, IBinaryInteger<TEntry>
{
    /// <summary>Reads and writes of data are events, as QEMU's driver of the format has them.</summary>
    protected virtual bool FiresEvents => false;

    private ValueTask ReadDataAsync(long place, IoSlice target, CancellationToken cancellationToken) => FiresEvents
        ? File.ReadAsync(BlkdebugEvent.ReadAio, place, target, ReadFlags.None, cancellationToken)
        : File.ReadAsync(place, target, ReadFlags.None, cancellationToken);

    private ValueTask WriteDataAsync(BlkdebugEvent before, long place, IoSlice source, CancellationToken cancellationToken) =>
        FiresEvents
            ? File.WriteAsync(before, place, source, WriteFlags.None, cancellationToken)
            : File.WriteAsync(place, source, WriteFlags.None, cancellationToken);

    private async ValueTask ReadBackingAsync(
        IBlockChild backing, long offset, IoSlice target, CancellationToken cancellationToken)
    {
        if (FiresEvents)
            await File.FireAsync(BlkdebugEvent.ReadBackingAio, cancellationToken).ConfigureAwait(false);
        await backing.ReadAsync(offset, target, ReadFlags.None, cancellationToken).ConfigureAwait(false);
    }
}
