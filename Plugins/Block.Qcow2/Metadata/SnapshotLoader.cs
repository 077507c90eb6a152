// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>Reads the snapshot table in large pieces: its entries are of any size, and there may be many.</summary>
internal static class SnapshotLoader
{
    private const int PieceBytes = 256 << 10;

    /// <returns>The snapshots, and the bytes that their table takes.</returns>
    /// <exception cref="Qcow2FormatException">An entry is broken, or the table is too large.</exception>
    public static async ValueTask<(List<SnapshotEntry> Snapshots, long Bytes)> LoadAsync(IBlockChild file, Qcow2Header header, CancellationToken cancellationToken)
    {
        var found = new List<SnapshotEntry>(Math.Min(header.SnapshotCount, 256));
        if (header.SnapshotCount == 0) return (found, 0);
        var piece = new byte[PieceBytes];
        var (at, pieceStart) = (0L, -1L);
        while (found.Count < header.SnapshotCount)
        {
            if (pieceStart < 0 || pieceStart + PieceBytes - at < SnapshotTable.MaxEntrySize)
            {
                pieceStart = at;
                await file.ReadAsync(header.SnapshotsOffset + at, piece, cancellationToken: cancellationToken).ConfigureAwait(false);
            }
            found.Add(SnapshotTable.ParseEntry(piece.AsSpan((int)(at - pieceStart)), out var size));
            at += size;
            if (at > SnapshotTable.MaxTableBytes) throw new Qcow2FormatException("Snapshot table too large", Qcow2Fault.TooLarge);
        }
        return (found, at);
    }
}
