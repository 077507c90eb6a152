// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using BlockHost.Block;

namespace BlockHost.Formats;

/// <summary>
/// A table of numbers in a file, of which some pages are in memory. Changes stay there until they are taken to be written,
/// so that whoever owns the table can have all that they point at on disk first.
/// <code>
///   Set ─► changed pages ─► TakeChanges ─► (the owner flushes the data) ─► WriteAsync ─► Settle
/// </code>
/// Safe for any number of threads.
/// </summary>
/// <typeparam name="TEntry">As wide as an entry in the file: <see cref="uint"/> or <see cref="ulong"/>.</typeparam>
/// <param name="offset">In the file.</param>
/// <param name="bigEndian">Byte order in the file.</param>
/// <param name="entriesPerPage">So many are read at a time.</param>
public class EntryTable<TEntry>(IBlockChild file, long offset, long count, bool bigEndian, int entriesPerPage = 4096)
    where TEntry : unmanaged, IBinaryInteger<TEntry>
{
    /// <summary>So many bytes of the table are kept.</summary>
    private const int MostBytes = 16 << 20;

    private readonly int _mostPages = MostBytes / (entriesPerPage * Unsafe.SizeOf<TEntry>());

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _loading = new(1);
    private readonly Dictionary<long, Page> _pages = [];
    private int _changedPages;

    /// <summary>Bytes of an entry.</summary>
    public int EntrySize => Unsafe.SizeOf<TEntry>();

    /// <summary>Where the table begins in the file.</summary>
    public long Offset => offset;

    public long Count => count;

    public int EntriesPerPage => entriesPerPage;

    /// <summary>So much has changed that it should be written before more does.</summary>
    public bool IsFull => Volatile.Read(ref _changedPages) >= _mostPages / 2;

    /// <summary>An entry whose page is in memory.</summary>
    public bool TryGet(long index, out TEntry entry)
    {
        lock (_lock)
        {
            var found = _pages.TryGetValue(index / entriesPerPage, out var page);
            entry = found ? page!.Entries[index % entriesPerPage] : default;
            return found;
        }
    }

    public async ValueTask<TEntry> GetAsync(long index, CancellationToken cancellationToken)
    {
        TEntry entry;
        while (!TryGet(index, out entry))
            await LoadAsync(index / entriesPerPage, cancellationToken).ConfigureAwait(false);
        return entry;
    }

    /// <summary>Changes an entry in memory.</summary>
    public async ValueTask SetAsync(long index, TEntry entry, CancellationToken cancellationToken)
    {
        while (!TrySet(index, entry))
            await LoadAsync(index / entriesPerPage, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>All that has changed and was not taken yet. <see cref="Settle"/> says how it went.</summary>
    public IReadOnlyList<TableChange> TakeChanges()
    {
        lock (_lock)
        {
            if (_changedPages == 0)
                return [];
            var changes = new List<TableChange>(_changedPages);
            foreach (var (number, page) in _pages)
            {
                if (page.First <= page.Last)
                    changes.Add(Take(number, page));
            }

            _changedPages = 0;
            return changes;
        }
    }

    public virtual async ValueTask WriteAsync(IReadOnlyList<TableChange> changes, CancellationToken cancellationToken)
    {
        foreach (var change in changes)
        {
            var place = await LocateAsync(change.Index, cancellationToken).ConfigureAwait(false);
            await file.WriteAsync(place, change.Bytes, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Taken changes are in the file; or they are not, and count as changes again.</summary>
    public void Settle(IReadOnlyList<TableChange> changes, bool written)
    {
        lock (_lock)
        {
            foreach (var change in changes)
            {
                var page = _pages[change.Index / entriesPerPage];
                page.Users--;
                if (!written)
                    Mark(
                        page,
                        (int)(change.Index % entriesPerPage),
                        (int)((change.Index + change.Bytes.Length / EntrySize - 1) % entriesPerPage));
            }
        }
    }

    /// <summary>
    /// Where an entry lies in the file, and those that follow it on its page; negative: nowhere yet, and all of them are zero.
    /// </summary>
    protected virtual ValueTask<long> LocateAsync(long index, CancellationToken cancellationToken) =>
        new(offset + index * EntrySize);

    /// <summary>Entries that were read from the file, before anybody sees them; never two pages at once.</summary>
    protected virtual void OnLoaded(long first, ReadOnlySpan<TEntry> entries)
    {
    }

    protected virtual ValueTask ReadPageAsync(long place, Memory<byte> target, CancellationToken cancellationToken) =>
        file.ReadAsync(place, target, ReadFlags.None, cancellationToken);

    /// <summary>Forgets a page, changes and all: what the file has is something else. Nothing else uses the table.</summary>
    protected void Forget(long index)
    {
        lock (_lock)
        {
            if (_pages.Remove(index / entriesPerPage, out var page) && page.First <= page.Last)
                _changedPages--;
        }
    }

    private bool TrySet(long index, TEntry entry)
    {
        lock (_lock)
        {
            if (!_pages.TryGetValue(index / entriesPerPage, out var page))
                return false;
            var at = (int)(index % entriesPerPage);
            page.Entries[at] = entry;
            Mark(page, at, at);
            return true;
        }
    }

    private void Mark(Page page, int first, int last)
    {
        if (page.First > page.Last)
            _changedPages++;
        page.First = Math.Min(page.First, first);
        page.Last = Math.Max(page.Last, last);
    }

    private TableChange Take(long number, Page page)
    {
        var entries = page.Entries.AsSpan(page.First, page.Last - page.First + 1);
        var bytes = new byte[entries.Length * EntrySize];
        var target = MemoryMarshal.Cast<byte, TEntry>(bytes.AsSpan());
        entries.CopyTo(target);
        ToFileOrder(target);
        var change = new TableChange(number * entriesPerPage + page.First, bytes);
        (page.First, page.Last) = (int.MaxValue, -1);
        page.Users++;
        return change;
    }

    private async ValueTask LoadAsync(long number, CancellationToken cancellationToken)
    {
        await _loading.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (TryGet(number * entriesPerPage, out _))
                return;
            var entries = new TEntry[Math.Min(entriesPerPage, count - number * entriesPerPage)];
            var bytes = new byte[entries.Length * EntrySize];
            var place = await LocateAsync(number * entriesPerPage, cancellationToken).ConfigureAwait(false);
            if (place >= 0)
                await ReadPageAsync(place, bytes, cancellationToken).ConfigureAwait(false);
            MemoryMarshal.Cast<byte, TEntry>(bytes.AsSpan()).CopyTo(entries);
            ToFileOrder(entries);
            if (place >= 0)
                OnLoaded(number * entriesPerPage, entries);
            Keep(number, new Page(entries));
        }
        finally
        {
            _loading.Release();
        }
    }

    private void Keep(long number, Page page)
    {
        lock (_lock)
        {
            if (_pages.Count >= _mostPages)
            {
                foreach (var (other, _) in _pages.Where(
                    known => known.Value is { Users: 0 } idle && idle.First > idle.Last).ToList())
                    _pages.Remove(other);
            }

            _pages[number] = page;
        }
    }

    private void ToFileOrder(Span<TEntry> entries)
    {
        if (bigEndian != BitConverter.IsLittleEndian)
            return;
        if (EntrySize == sizeof(uint))
            Reverse(MemoryMarshal.Cast<TEntry, uint>(entries));
        else
            Reverse(MemoryMarshal.Cast<TEntry, ulong>(entries));
    }

    private static void Reverse(Span<uint> entries) => BinaryPrimitives.ReverseEndianness(entries, entries);

    private static void Reverse(Span<ulong> entries) => BinaryPrimitives.ReverseEndianness(entries, entries);

    private sealed class Page(TEntry[] entries)
    {
        public TEntry[] Entries => entries;

        /// <summary>First and last changed entry; none where they have passed each other.</summary>
        public int First { get; set; } = int.MaxValue;

        public int Last { get; set; } = -1;

        /// <summary>Changes that are being written: what the file has is old.</summary>
        public int Users { get; set; }
    }
}

/// <summary>Entries in the file's byte order.</summary>
/// <param name="Index">Of the first one.</param>
public sealed record TableChange(long Index, byte[] Bytes);
