// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Formats;

/// <summary>
/// The disk that an image file holds. Offsets and lengths are the disk's, in bytes; requests are in its bounds.
/// </summary>
public abstract class DiskImage(IBlockChild file)
{
    public IBlockChild File => file;

    /// <summary>Bytes of the disk.</summary>
    public abstract long Length { get; }

    /// <summary>Bytes; 0: the format has no blocks.</summary>
    public virtual long BlockSize => 0;

    /// <summary>What is not stored here is read from this.</summary>
    public IBlockChild? Backing { get; set; }

    /// <summary>Null: what is stored is what guests wrote.</summary>
    public IDataCipher? Cipher { get; init; }

    public abstract ValueTask ReadAsync(long offset, IoSlice target, CancellationToken cancellationToken);

    public abstract ValueTask WriteAsync(long offset, IoSlice source, CancellationToken cancellationToken);

    /// <exception cref="BlockException"><see cref="BlockErrorKind.NotSupported"/>: there is no cheap way for the
    /// range.</exception>
    public abstract ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken);

    public abstract ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken);

    public abstract ValueTask<BlockStatus> GetStatusAsync(long offset, long bytes, CancellationToken cancellationToken);

    public virtual ValueTask FlushAsync(CancellationToken cancellationToken) => file.FlushAsync(cancellationToken);

    /// <summary>The image is not written any more, until somebody opens it for that again.</summary>
    public virtual ValueTask CloseAsync() => FlushAsync(CancellationToken.None);
}
