// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vpc.Format;

namespace BlockHost.Plugins.Block.Vpc;

/// <summary>The bytes of the disk as they are, and a footer behind them.</summary>
internal sealed class FixedDisk(IBlockChild file, Footer footer, long length) : DiskImage(file)
{
    private long _length = length;

    /// <summary>
    /// Where the footer is. A footer that claims more than there is before it must not be left inside the file by a write behind
    /// it.
    /// </summary>
    private long _room = file.Length - Footer.Size;

    public Footer Footer { get; private set; } = footer;

    public override long Length => _length;

    public override ValueTask ReadAsync(long offset, IoSlice target, CancellationToken cancellationToken) =>
        File.ReadAsync(offset, target, ReadFlags.None, cancellationToken);

    public override ValueTask WriteAsync(long offset, IoSlice source, CancellationToken cancellationToken) =>
        offset + source.Length > _room ? NoRoom() : File.WriteAsync(offset, source, WriteFlags.None, cancellationToken);

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        offset + bytes > _room ? NoRoom() : File.WriteZeroesAsync(offset, bytes, flags, cancellationToken);

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        offset + bytes > _room ? NoRoom() : File.DiscardAsync(offset, bytes, cancellationToken);

    public override ValueTask<BlockStatus> GetStatusAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        new(new BlockStatus(
        bytes,
        BlockStatusFlags.Data | BlockStatusFlags.Allocated | BlockStatusFlags.OffsetValid | BlockStatusFlags.Recurse,
        offset,
        File));

    /// <summary>The new footer is on disk before the old one goes, so that there always is one at the end of the file.</summary>
    public async ValueTask ResizeAsync(long length, Footer next, CancellationToken cancellationToken)
    {
        var oldEnd = File.Length;
        var covered = new byte[Footer.Size];
        await File.ReadAsync(length, covered, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        try
        {
            await File.WriteAsync(length, next.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
            await File.FlushAsync(cancellationToken).ConfigureAwait(false);
            if (length > _length)
                await File.WriteZeroesAsync(
                    _length, Math.Min(length, oldEnd) - _length, ZeroFlags.None, cancellationToken).ConfigureAwait(false);
            else if (File.Profile.Growable)
                await File.ResizeAsync(
                    length + Footer.Size, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
            if (length > _length)
                await File.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            await TakeBackAsync(length, covered, oldEnd).ConfigureAwait(false);
            throw;
        }

        (_length, _room, Footer) = (length, length, next);
    }

    private static ValueTask NoRoom() => ValueTask.FromException(
        new BlockException(BlockErrorKind.NoSpace, "The VPC image claims to be larger than its file", Errno.ENOSPC));

    /// <param name="covered">What lay where the new footer went.</param>
    private async ValueTask TakeBackAsync(long length, byte[] covered, long oldEnd)
    {
        await File.WriteAsync(length, covered).ConfigureAwait(false);
        await File.WriteAsync(oldEnd - Footer.Size, Footer.ToBytes()).ConfigureAwait(false);
        if (File.Length != oldEnd && File.Profile.Growable)
            await File.ResizeAsync(oldEnd, new ResizeOptions(MayExceed: true)).ConfigureAwait(false);
    }
}
