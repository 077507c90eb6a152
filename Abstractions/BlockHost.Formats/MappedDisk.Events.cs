// SPDX-License-Identifier: MIT
using System.Numerics;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Formats;

/// <summary>Data's way to the file: encrypted where the image is, and with events for fault injection.</summary>
public abstract partial class MappedDisk<TEntry>
    where TEntry : unmanaged, IBinaryInteger<TEntry>
{
    /// <summary>Reads and writes of data are events, as QEMU's driver of the format has them.</summary>
    protected virtual bool FiresEvents => false;

    private ValueTask ReadDataAsync(long offset, long place, IoSlice target, CancellationToken cancellationToken) =>
        Cipher is null
            ? ReadStoredAsync(place, target, cancellationToken)
            : ReadAndDecryptAsync(Cipher, offset, place, target, cancellationToken);

    private ValueTask WriteDataAsync(
        BlkdebugEvent before, long offset, long place, IoSlice source, CancellationToken cancellationToken) =>
        Cipher is null
            ? WriteStoredAsync(before, place, source, cancellationToken)
            : EncryptAndWriteAsync(Cipher, before, offset, place, source, cancellationToken);

    private async ValueTask ReadAndDecryptAsync(
        IDataCipher cipher, long offset, long place, IoSlice target, CancellationToken cancellationToken)
    {
        await ReadStoredAsync(place, target, cancellationToken).ConfigureAwait(false);
        await cipher.DecryptAsync(offset, target).ConfigureAwait(false);
    }

    /// <summary>What guests wrote stays as it is in their memory.</summary>
    private async ValueTask EncryptAndWriteAsync(
        IDataCipher cipher, BlkdebugEvent before, long offset, long place, IoSlice source, CancellationToken cancellationToken)
    {
        using var buffer = buffers.Rent((int)Math.Min(source.Length, CopySize));
        for (long done = 0; done < source.Length;)
        {
            var piece = buffer.Memory[..(int)Math.Min(source.Length - done, CopySize)];
            await cipher.EncryptAsync(offset + done, source.Slice(done, piece.Length), piece).ConfigureAwait(false);
            await WriteStoredAsync(before, place + done, piece, cancellationToken).ConfigureAwait(false);
            done += piece.Length;
        }
    }

    private ValueTask ReadStoredAsync(long place, IoSlice target, CancellationToken cancellationToken) => FiresEvents
        ? File.ReadAsync(BlkdebugEvent.ReadAio, place, target, ReadFlags.None, cancellationToken)
        : File.ReadAsync(place, target, ReadFlags.None, cancellationToken);

    private ValueTask WriteStoredAsync(BlkdebugEvent before, long place, IoSlice source, CancellationToken cancellationToken) =>
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
