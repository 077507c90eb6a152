// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Formats;

/// <summary>
/// A table whose parts lie anywhere in the file: another table, on top, says where. A part that is nowhere is all zero.
/// <code>
///   write:  parts that there are ─► new parts, whole ─► flush ─► the top's entries ─► flush
/// </code>
/// Who owns it has flushed all that entries point at.
/// </summary>
/// <param name="top">An entry for each part.</param>
/// <param name="perPart">Entries; a power of two.</param>
public abstract class TableTree(IBlockChild file, EntryTable<ulong> top, int perPart, bool bigEndian)
    : EntryTable<ulong>(file, offset: 0, top.Count * perPart, bigEndian, Math.Min(perPart, MostPerPage))
{
    private const int MostPerPage = 4096;

    private readonly IBlockChild _file = file;

    public EntryTable<ulong> Top => top;

    public int PerPart => perPart;

    public long PartSize => (long)perPart * sizeof(ulong);

    /// <summary>Where a part lies by its entry on top; negative: it is nowhere.</summary>
    /// <exception cref="BlockException">It cannot lie there.</exception>
    public abstract long PlaceOf(ulong entry);

    /// <summary>The entry of a part.</summary>
    protected virtual ulong EntryOf(long place) => (ulong)place;

    /// <summary>Takes room for a new part. Returns where.</summary>
    protected abstract ValueTask<long> TakePartAsync(CancellationToken cancellationToken);

    /// <summary>What was taken is not used after all.</summary>
    protected abstract void GiveBackPart(long place);

    /// <summary>A part is nowhere any more. Nothing else uses the table.</summary>
    public async ValueTask ClearPartAsync(long part, CancellationToken cancellationToken)
    {
        await top.SetAsync(part, 0, cancellationToken).ConfigureAwait(false);
        for (var first = 0; first < perPart; first += Math.Min(perPart, MostPerPage))
            Forget(part * perPart + first);
    }

    public sealed override async ValueTask WriteAsync(IReadOnlyList<TableChange> changes, CancellationToken cancellationToken)
    {
        foreach (var change in changes)
        {
            var place = await LocateAsync(change.Index, cancellationToken).ConfigureAwait(false);
            if (place < 0)
                place = await AddPartAsync(change.Index, cancellationToken).ConfigureAwait(false);
            await _file.WriteAsync(
                BlkdebugEvent.L2Update, place, change.Bytes, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }

        await WriteTopAsync(cancellationToken).ConfigureAwait(false);
    }

    protected sealed override async ValueTask<long> LocateAsync(long index, CancellationToken cancellationToken)
    {
        var (part, within) = Math.DivRem(index, perPart);
        var place = PlaceOf(await top.GetAsync(part, cancellationToken).ConfigureAwait(false));
        return place < 0 ? -1 : place + within * sizeof(ulong);
    }

    protected sealed override ValueTask ReadPageAsync(long place, Memory<byte> target, CancellationToken cancellationToken) =>
        _file.ReadAsync(BlkdebugEvent.L2Load, place, target, ReadFlags.None, cancellationToken);

    private async ValueTask<long> AddPartAsync(long index, CancellationToken cancellationToken)
    {
        var (part, within) = Math.DivRem(index, perPart);
        var place = await TakePartAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _file.WriteZeroesAsync(place, PartSize, ZeroFlags.None, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            GiveBackPart(place);
            throw;
        }

        await top.SetAsync(part, EntryOf(place), cancellationToken).ConfigureAwait(false);
        return place + within * sizeof(ulong);
    }

    private async ValueTask WriteTopAsync(CancellationToken cancellationToken)
    {
        var changes = top.TakeChanges();
        if (changes.Count == 0)
            return;
        var isWritten = false;
        try
        {
            await _file.FlushAsync(cancellationToken).ConfigureAwait(false);
            await _file.FireAsync(BlkdebugEvent.L1Update, cancellationToken).ConfigureAwait(false);
            await top.WriteAsync(changes, cancellationToken).ConfigureAwait(false);
            await _file.FlushAsync(cancellationToken).ConfigureAwait(false);
            isWritten = true;
        }
        finally
        {
            top.Settle(changes, isWritten);
        }
    }
}
