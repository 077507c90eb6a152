// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Vhdx.Log;

/// <summary>The bytes of the log: what runs over the end goes on at the beginning.</summary>
internal sealed class LogRing(IBlockChild file, long offset, long length)
{
    public IBlockChild File => file;

    public long Length => length;

    /// <summary>So much of the ring the file has; the rest reads as zeroes.</summary>
    public long StoredLength => Math.Clamp(file.Length - offset, 0, length);

    public async ValueTask ReadAsync(long position, Memory<byte> target, CancellationToken cancellationToken)
    {
        var (first, atEnd) = Split(position, target.Length);
        await file.ReadAsync(offset + first, target[..atEnd], ReadFlags.None, cancellationToken).ConfigureAwait(false);
        if (atEnd < target.Length)
            await file.ReadAsync(offset, target[atEnd..], ReadFlags.None, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask WriteAsync(long position, Memory<byte> source, CancellationToken cancellationToken)
    {
        var (first, atEnd) = Split(position, source.Length);
        await file.WriteAsync(offset + first, source[..atEnd], WriteFlags.None, cancellationToken).ConfigureAwait(false);
        if (atEnd < source.Length)
            await file.WriteAsync(offset, source[atEnd..], WriteFlags.None, cancellationToken).ConfigureAwait(false);
    }

    private (long First, int AtEnd) Split(long position, int bytes) =>
        (position % length, (int)Math.Min(bytes, length - position % length));
}
