// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Formats;

/// <summary>What is added to a disk reads as zeroes, whatever its backing file has there.</summary>
public static class LongerDisk
{
    private const int ChunkSize = 1 << 20;

    /// <summary>Zeroes in the rest of the last block; nothing else of the disk changes.</summary>
    public static async ValueTask ClearRestAsync(DiskImage disk, CancellationToken cancellationToken)
    {
        var rest = (disk.BlockSize - disk.Length % disk.BlockSize) % disk.BlockSize;
        if (rest == 0)
            return;
        var status = await disk.GetStatusAsync(disk.Length, rest, cancellationToken).ConfigureAwait(false);
        var showsNothing = status is { Flags: BlockStatusFlags.None } && status.Bytes >= rest
            && (disk.Backing?.Length ?? 0) <= disk.Length;
        if (!showsNothing)
            await ZeroAsync(disk, disk.Length, disk.Length + rest, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Zeroes in whole blocks from an offset on, as far as the backing file reaches; the disk already has room for them.
    /// </summary>
    public static ValueTask HideBackingAsync(DiskImage disk, long from, long length, CancellationToken cancellationToken)
    {
        var start = RoundUp(disk, from);
        return ZeroAsync(disk, start, RoundUp(disk, Math.Min(disk.Backing?.Length ?? 0, length)), cancellationToken);
    }

    private static long RoundUp(DiskImage disk, long offset) => (offset + disk.BlockSize - 1) / disk.BlockSize * disk.BlockSize;

    private static async ValueTask ZeroAsync(DiskImage disk, long start, long end, CancellationToken cancellationToken)
    {
        if (start >= end)
            return;
        try
        {
            await disk.WriteZeroesAsync(start, end - start, ZeroFlags.MayUnmap, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.NotSupported)
        {
            // The format has no zeroes that hide, or none for a part of a block.
            var zeroes = new byte[Math.Min(end - start, ChunkSize)];
            for (var at = start; at < end; at += zeroes.Length)
                await disk.WriteAsync(
                    at, zeroes.AsMemory(0, (int)Math.Min(zeroes.Length, end - at)), cancellationToken).ConfigureAwait(false);
        }
    }
}
