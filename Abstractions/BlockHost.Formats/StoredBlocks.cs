// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Formats;

/// <summary>How many blocks of a new image would be stored.</summary>
public static class StoredBlocks
{
    /// <param name="source">What the image would hold.</param>
    /// <param name="blockSize">Bytes.</param>
    public static async ValueTask<long> CountAsync(IBlockChild source, long blockSize, CancellationToken cancellationToken)
    {
        long count = 0;
        for (long offset = 0; offset < source.Length;)
        {
            var status = await source.GetStatusAsync(
                offset, source.Length - offset, StatusPrecision.WantZero, cancellationToken).ConfigureAwait(false);
            var end = offset + status.Bytes;
            if ((status.Flags & BlockStatusFlags.Zero) == 0 && (status.Flags & BlockStatusFlags.Data) != 0)
            {
                // A block counts once, with its first piece of data.
                end = (end + blockSize - 1) / blockSize * blockSize;
                count += (end - offset / blockSize * blockSize) / blockSize;
            }

            offset = end;
        }

        return count;
    }
}
