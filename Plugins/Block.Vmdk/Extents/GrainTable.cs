// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Plugins.Block.Vmdk.Format;

namespace BlockHost.Plugins.Block.Vmdk.Extents;

/// <summary>One table in memory, and where its copies are in the file.</summary>
/// <param name="offset">Of the first copy.</param>
/// <param name="secondOffset">Of the second; 0: there is none.</param>
internal sealed class GrainTable(GrainLayout layout, byte[] bytes, long offset, long secondOffset)
{
    private const uint ZeroEntry = 1;

    public byte[] Bytes => bytes;

    public long Offset => offset;

    public long SecondOffset => secondOffset;

    /// <summary>Has entries that the file has not.</summary>
    public bool IsDirty { get; set; }

    public GrainEntry this[int index]
    {
        get => layout.EntryKind == GrainEntryKind.SeSparse ? SeSparseEntry(index) : SectorEntry(index);
        set
        {
            var sector = value.State == GrainState.Zero ? ZeroEntry : checked((uint)(value.Offset / VmdkFault.SectorSize));
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(index * 4), sector);
            IsDirty = true;
        }
    }

    /// <summary>How many of the next entries are like the first, which ends before one that is damaged.</summary>
    public (GrainEntry Entry, long Grains) RunFrom(int index, int most)
    {
        var first = this[index];
        var run = 1;
        while (run < most && FollowsIn(index + run, first, run * (long)layout.GrainSize))
            run++;
        return (first, run);
    }

    private bool FollowsIn(int index, GrainEntry first, long distance)
    {
        try
        {
            return this[index] == (first.State == GrainState.Stored ? first with { Offset = first.Offset + distance } : first);
        }
        catch (BlockException)
        {
            return false;
        }
    }

    private GrainEntry SectorEntry(int index) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(index * 4)) switch
    {
        0 => default,
        ZeroEntry when layout.HasZeroGrain => new(GrainState.Zero),
        var sector => new(GrainState.Stored, sector * (long)VmdkFault.SectorSize),
    };

    private GrainEntry SeSparseEntry(int index)
    {
        var entry = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(index * 8));
        switch (entry >> 60)
        {
            case 0:
                return entry == 0 ? default : throw VmdkFault.Invalid($"Grain table entry 0x{entry:x} has no state");
            case 1 or 2:
                return new(GrainState.Zero);
            case 3:
                var number = ((entry >> 48) & 0xfff) | ((entry & 0xffffffffffff) << 12);
                return number <= long.MaxValue / 2 / 4096
                    ? new(GrainState.Stored, layout.GrainsOffset + (long)number * layout.GrainSize)
                    : throw VmdkFault.Invalid($"Grain number {number} is beyond any file");
            default:
                throw VmdkFault.Invalid($"Grain table entry 0x{entry:x} is of no known state");
        }
    }
}
