// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Qed.Format;

namespace BlockHost.Plugins.Block.Qed;

/// <summary>The tables that say where the clusters of a disk are, and one of tables above them.</summary>
internal sealed class ClusterTables(IBlockChild file, QedHeader header, FileEnd end)
    : TableTree(
        file,
        new EntryTable<ulong>(file, (long)header.TopOffset, header.EntriesPerTable, bigEndian: false),
        header.EntriesPerTable,
        bigEndian: false)
{
    private readonly IBlockChild _file = file;

    /// <summary>A cluster can lie there: behind the header, and in the file.</summary>
    public bool IsPlace(ulong entry, long bytes) =>
        entry % header.ClusterSize == 0 && entry >= (ulong)Math.Max(header.Reserved, header.ClusterSize)
            && (UInt128)entry + (ulong)bytes <= (ulong)end.Reached(_file);

    public override long PlaceOf(ulong entry)
    {
        if (entry == 0)
            return -1;
        return IsPlace(entry, PartSize)
            ? (long)entry
            : throw new BlockException(BlockErrorKind.InvalidArgument, "A QED table points at no place of the file");
    }

    protected override ValueTask<long> TakePartAsync(CancellationToken cancellationToken) => new(end.Take(PartSize));

    protected override void GiveBackPart(long place) => end.GiveBack(place, PartSize);
}
