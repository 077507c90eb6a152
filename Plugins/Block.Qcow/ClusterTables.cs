// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Qcow.Format;

namespace BlockHost.Plugins.Block.Qcow;

/// <summary>
/// The tables that say where the clusters of a disk are, and one of tables above them. What they point at may lie beyond the
/// file's end, where QEMU ended before it had written it: that reads as zeroes, and nothing else is put there.
/// </summary>
internal sealed class ClusterTables(IBlockChild file, QcowHeader header, FileEnd end)
    : TableTree(file, new TopTable(file, header, end), header.EntriesPerTable, bigEndian: true)
{
    private readonly IBlockChild _file = file;
    private readonly ClusterEntries _entries = new(header.ClusterBits);

    /// <summary>Something of the image can lie there: not over the header or the top table.</summary>
    public bool IsPlace(ulong place, long bytes) =>
        place >= QcowHeader.Size && place <= (ulong)(long.MaxValue - bytes)
            && (place >= (ulong)header.TopEnd || place + (ulong)bytes <= header.TopOffset);

    public bool IsCluster(ulong entry)
    {
        if (!ClusterEntries.IsCompressed(entry))
            return entry % QcowHeader.SectorSize == 0 && IsPlace(entry, header.ClusterSize);
        var (place, bytes) = _entries.Decode(entry);
        return IsPlace((ulong)place, bytes);
    }

    public override long PlaceOf(ulong entry)
    {
        if (entry == 0)
            return -1;
        return IsPlace(entry, PartSize)
            ? (long)entry
            : throw new BlockException(BlockErrorKind.Io, "A qcow table is at no place that it can be at");
    }

    /// <summary>
    /// Reads tables as far as they fit into memory, so that places are known which are in use beyond the end of the file. Those
    /// of larger images are known when they are read.
    /// </summary>
    public async ValueTask SurveyAsync(CancellationToken cancellationToken)
    {
        const int Most = 16 << 20;
        long looked = 0;
        for (long part = 0; part < Math.Min(PartsInFile, Most / sizeof(ulong)) && looked < Most; part++)
        {
            var entry = await Top.GetAsync(part, cancellationToken).ConfigureAwait(false);
            if (entry == 0 || !IsPlace(entry, PartSize))
                continue;
            for (var first = 0; first < PerPart; first += EntriesPerPage)
                await GetAsync(part * PerPart + first, cancellationToken).ConfigureAwait(false);
            looked += PartSize;
        }
    }

    /// <summary>Of the top table, what the file has; the rest is zero.</summary>
    public long PartsInFile => Math.Clamp((_file.Length - Top.Offset + sizeof(ulong) - 1) / sizeof(ulong), 0, Top.Count);

    protected override ValueTask<long> TakePartAsync(CancellationToken cancellationToken) => new(end.Take(PartSize));

    protected override void GiveBackPart(long place) => end.GiveBack(place, PartSize);

    protected override void OnLoaded(long first, ReadOnlySpan<ulong> entries)
    {
        foreach (var entry in entries)
        {
            if (entry != 0 && !ClusterEntries.IsCompressed(entry))
                Keep(_file, end, entry, header.ClusterSize);
        }
    }

    /// <summary>Far beyond the file's end, an entry is damage that must not keep all others from being written.</summary>
    private static void Keep(IBlockChild file, FileEnd end, ulong entry, long bytes)
    {
        const long Near = 1 << 30;
        if (entry <= (ulong)(file.Length + Near))
            end.Keep((long)entry + bytes);
    }

    private sealed class TopTable(IBlockChild file, QcowHeader header, FileEnd end)
        : EntryTable<ulong>(file, (long)header.TopOffset, header.TopEntries, bigEndian: true)
    {
        private readonly IBlockChild _file = file;

        protected override void OnLoaded(long first, ReadOnlySpan<ulong> entries)
        {
            foreach (var entry in entries)
            {
                if (entry != 0)
                    Keep(_file, end, entry, (long)header.EntriesPerTable * sizeof(ulong));
            }
        }
    }
}
