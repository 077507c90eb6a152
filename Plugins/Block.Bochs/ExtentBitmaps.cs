// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Bochs.Format;

namespace BlockHost.Plugins.Block.Bochs;

/// <summary>Which sectors of an extent are stored. The bitmaps that were used last are kept, 8 MiB of them at most.</summary>
internal sealed class ExtentBitmaps(IBlockChild file, RedologHeader header)
{
    private const int MostBytes = 8 << 20;

    private readonly int _size = (int)Math.Max(header.ExtentBytes / RedologHeader.SectorSize / 8, 1);
    private readonly Lock _lock = new();
    private readonly Dictionary<uint, byte[]> _known = [];

    /// <param name="number">The extent's in the file.</param>
    public async ValueTask<byte[]> GetAsync(uint number, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_known.TryGetValue(number, out var known))
                return known;
        }

        var bitmap = new byte[_size];
        await file.ReadAsync(header.PlaceOf(number), bitmap, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            if ((_known.Count + 1) * (long)_size > MostBytes)
                _known.Clear();
            return _known[number] = bitmap;
        }
    }

    /// <summary>Sectors from the first one on that are stored alike.</summary>
    /// <param name="most">At least 1.</param>
    public static (bool IsStored, long Count) RunAt(byte[] bitmap, long first, long most)
    {
        var isStored = Has(bitmap, first);
        long count = 1;
        while (count < most && Has(bitmap, first + count) == isStored)
        {
            // Whole bytes at a time.
            var isByte = (first + count) % 8 == 0 && most - count >= 8 && bitmap[(first + count) / 8] == (isStored ? 0xff : 0);
            count += isByte ? 8 : 1;
        }

        return (isStored, count);
    }

    private static bool Has(byte[] bitmap, long sector) => (bitmap[sector / 8] >> (int)(sector % 8) & 1) != 0;
}
