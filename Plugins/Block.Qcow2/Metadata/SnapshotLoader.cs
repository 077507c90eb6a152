// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>Reads the snapshot table in large pieces: its entries are of any size, and there may be many.</summary>
internal sealed class SnapshotLoader
{
    private const int PieceBytes = 256 << 10;

    private readonly IBlockChild _file;
    private readonly Qcow2Header _header;
    private readonly bool _forCheck;
    private readonly byte[] _piece = new byte[PieceBytes];
    private readonly List<SnapshotEntry> _found;
    private readonly List<(int Index, uint Extra)> _trimmed = [];
    private long _pieceStart = -1;
    private long _at;

    private SnapshotLoader(IBlockChild file, Qcow2Header header, bool forCheck)
    {
        _file = file;
        _header = header;
        _forCheck = forCheck;
        _found = new List<SnapshotEntry>(Math.Min(header.SnapshotCount, 256));
    }

    /// <param name="forCheck">What a check reports is noted and let pass.</param>
    /// <exception cref="Qcow2FormatException">An entry is broken, or the table is too large.</exception>
    public static async ValueTask<LoadedSnapshots> LoadAsync(
        IBlockChild file, Qcow2Header header, bool forCheck, CancellationToken cancellationToken)
    {
        if (!HeaderParser.HasSnapshotPlace(header)) return LoadedSnapshots.None with { IsMisplaced = true };
        return header.SnapshotCount == 0
            ? LoadedSnapshots.None
            : await new SnapshotLoader(file, header, forCheck).RunAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<LoadedSnapshots> RunAsync(CancellationToken cancellationToken)
    {
        var count = Math.Min(_header.SnapshotCount, HeaderParser.MaxSnapshots);
        while (_found.Count < count && await AddAsync(cancellationToken).ConfigureAwait(false))
        {
            if (_at <= SnapshotTable.MaxTableBytes) continue;
            if (!_forCheck) throw new Qcow2FormatException("Snapshot table too large", Qcow2Fault.TooLarge);
            break;
        }
        return new LoadedSnapshots(_found, _at) { Overhanging = _header.SnapshotCount - _found.Count, Trimmed = _trimmed };
    }

    /// <returns>False: the entry reaches behind the end that a table can have.</returns>
    private async ValueTask<bool> AddAsync(CancellationToken cancellationToken)
    {
        if (_pieceStart < 0
            || _pieceStart + PieceBytes
                - _at < SnapshotTable.MaxEntrySize) await FillAsync(_at, cancellationToken).ConfigureAwait(false);
        var index = _found.Count;
        var start = (int)(_at - _pieceStart);
        var extra = SnapshotTable.ExtraSize(_piece.AsSpan(start));
        var size = SnapshotTable.EntrySize(_piece.AsSpan(start));
        if (extra > SnapshotTable.MaxExtra)
        {
            if (!_forCheck) throw LoadedSnapshots.TooMuchExtra(index);
            _trimmed.Add((index, extra));
            if (_at + extra > SnapshotTable.MaxTableBytes) return false;
            await TrimAsync(extra, cancellationToken).ConfigureAwait(false);
            start = 0;
        }
        _found.Add(SnapshotTable.ParseEntry(_piece.AsSpan(start)));
        _at += size;
        return true;
    }

    /// <summary>Puts the entry together as if it had the extra data alone that is understood.</summary>
    private async ValueTask TrimAsync(uint extra, CancellationToken cancellationToken)
    {
        var kept = new byte[SnapshotTable.FixedSize + SnapshotTable.MaxExtra];
        await ReadAsync(_at, kept, cancellationToken).ConfigureAwait(false);
        await FillAsync(_at + extra - SnapshotTable.KnownExtra, cancellationToken).ConfigureAwait(false);
        kept.AsSpan(0, SnapshotTable.FixedSize + SnapshotTable.KnownExtra).CopyTo(_piece);
        SnapshotTable.SetExtraSize(_piece, SnapshotTable.KnownExtra);
    }

    private async ValueTask FillAsync(long at, CancellationToken cancellationToken)
    {
        _pieceStart = at;
        await ReadAsync(at, _piece, cancellationToken).ConfigureAwait(false);
    }

    private ValueTask ReadAsync(long at, byte[] target, CancellationToken cancellationToken) =>
        _file.ReadAsync(_header.SnapshotsOffset + at, target, cancellationToken: cancellationToken);
}
