// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Block;
using BlockHost.Plugins.Block.Vhdx.Format;

namespace BlockHost.Plugins.Block.Vhdx;

/// <summary>
/// Goes through the whole table: each block lies in the file, and on nothing else that is known. The texts are QEMU's.
/// </summary>
internal sealed class TableScan(IBlockChild file, ImageLayout layout, Action<string> report)
{
    private const int ChunkSize = 1 << 18;

    private readonly BlockTable _table = layout.Table;

    /// <summary>The end of the last block, or of the last region.</summary>
    public long End { get; private set; } = FileLayout.RoundUp(layout.Regions.End);

    /// <summary>Called for each block that is stored and lies right: its number, its place and its length in the file.</summary>
    public Action<long, long, long> OnStored { get; init; } = (_, _, _) => { };

    public async ValueTask RunAsync(IIoBufferPool buffers, CancellationToken cancellationToken)
    {
        using var buffer = buffers.Rent(ChunkSize);
        var bytes = Math.Min(_table.Entries * BlockTable.EntrySize, Math.Max(file.Length - _table.Offset, 0));
        for (long done = 0; done < bytes; done += ChunkSize)
        {
            var chunk = buffer.Memory[..(int)Math.Min(ChunkSize, bytes - done)];
            await file.ReadAsync(_table.Offset + done, chunk, ReadFlags.None, cancellationToken).ConfigureAwait(false);
            Look(done / BlockTable.EntrySize, chunk.Span);
        }
    }

    private void Look(long first, ReadOnlySpan<byte> bytes)
    {
        var entries = MemoryMarshal.Cast<byte, ulong>(bytes);
        for (var i = 0; i < entries.Length; i++)
        {
            var state = BlockTable.StateOf(entries[i]);
            if (state == BlockEntryState.Present || (state == BlockEntryState.PartlyPresent && _table.HasBitmaps))
                Look(first + i, BlockTable.OffsetOf(entries[i]));
        }
    }

    private void Look(long index, long offset)
    {
        var isBitmap = _table.IsBitmap(index);
        var length = isBitmap ? FileLayout.MiB : _table.BlockSize;
        var ofDisk = isBitmap ? length : Math.Min(length, _table.Length - _table.BlockAt(index) * _table.BlockSize);
        if (offset < 0 || offset >= file.Length)
            Say(index, $"start offset {(ulong)offset} points after");
        else if (ofDisk > file.Length - offset)
            Say(index, $"end offset {offset + ofDisk - 1} points after");
        else if (layout.Regions.FindOverlap(offset, offset + length) is { } region)
            report($"VHDX region {offset}-{offset + length} overlaps with region {region.Offset}-{region.End}");
        else
            Keep(index, offset, length);
    }

    private void Keep(long index, long offset, long length)
    {
        End = Math.Max(End, offset + length);
        OnStored(index, offset, length);
    }

    private void Say(long index, string what) =>
        report($"VHDX BAT entry {index} {what} end of file ({file.Length}). Image has probably been truncated.");
}
