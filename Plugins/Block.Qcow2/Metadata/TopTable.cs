// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// A first-level table (L1 or refcount table), held in memory whole; its size is limited by the format checks.
/// Entries are read without a lock and changed under the metadata lock.
/// </summary>
internal sealed class TopTable(ulong[] entries, long offset)
{
    private const int EntriesPerSector = 512 / sizeof(ulong);

    private ulong[] _entries = entries;
    private readonly HashSet<int> _dirtySectors = [];

    /// <summary>Host offset of the table.</summary>
    public long Offset { get; private set; } = offset;

    public int Count => Volatile.Read(ref _entries).Length;

    public bool HasDirty => _dirtySectors.Count > 0;

    /// <summary>The entry, or 0 beyond the end.</summary>
    public ulong this[long index]
    {
        get
        {
            var entries = Volatile.Read(ref _entries);
            return (ulong)index < (ulong)entries.Length ? Volatile.Read(ref entries[index]) : 0;
        }
    }

    public void Set(long index, ulong value)
    {
        Volatile.Write(ref _entries[index], value);
        _dirtySectors.Add((int)(index / EntriesPerSector));
    }

    /// <summary>Takes the place of the old table, already written, after the header points to it.</summary>
    public void Replace(ulong[] entries, long offset)
    {
        Volatile.Write(ref _entries, entries);
        Offset = offset;
        _dirtySectors.Clear();
    }

    /// <summary>The last index with an entry, or -1.</summary>
    public int LastUsed() => Array.FindLastIndex(_entries, e => e != 0);

    /// <summary>The entries as they are now. Under the metadata lock.</summary>
    public ReadOnlySpan<ulong> Entries => _entries;

    public ulong[] Snapshot() => (ulong[])_entries.Clone();

    /// <summary>Copies of the changed sectors, which then count as clean.</summary>
    public List<PendingWrite> TakeDirty()
    {
        var writes = new List<PendingWrite>(_dirtySectors.Count);
        foreach (var sector in _dirtySectors)
        {
            var first = sector * EntriesPerSector;
            var part = _entries.AsSpan(first, Math.Min(EntriesPerSector, _entries.Length - first));
            writes.Add(new PendingWrite(Offset + (first * sizeof(ulong)), Encode(part)));
        }
        _dirtySectors.Clear();
        return writes;
    }

    /// <summary>Gives back sectors that did not reach the disk. Under the metadata lock.</summary>
    public void Return(List<PendingWrite> writes)
    {
        foreach (var write in writes)
        {
            if (write.Offset >= Offset && write.Offset < Offset + ((long)_entries.Length * sizeof(ulong)))
                _dirtySectors.Add((int)((write.Offset - Offset) / sizeof(ulong) / EntriesPerSector));
        }
    }

    public static byte[] Encode(ReadOnlySpan<ulong> entries)
    {
        var bytes = new byte[entries.Length * sizeof(ulong)];
        for (var i = 0; i < entries.Length; i++)
            BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(i * sizeof(ulong)), entries[i]);
        return bytes;
    }

    /// <summary>Reads a table of at most 32 MiB: the caller has checked its place and size.</summary>
    public static async ValueTask<ulong[]> LoadAsync(
        IBlockChild file, long offset, int count, CancellationToken cancellationToken)
    {
        const int Chunk = 1 << 20;
        var entries = GC.AllocateUninitializedArray<ulong>(count);
        var buffer = GC.AllocateUninitializedArray<byte>((int)Math.Min((long)count * sizeof(ulong), Chunk));
        for (var done = 0; done < count;)
        {
            var part = Math.Min(count - done, Chunk / sizeof(ulong));
            await file.ReadAsync(
                offset + ((long)done * sizeof(ulong)),
                buffer.AsMemory(0, part * sizeof(ulong)),
                cancellationToken: cancellationToken)
                .ConfigureAwait(false);
            Decode(buffer.AsSpan(0, part * sizeof(ulong)), entries.AsSpan(done, part));
            done += part;
        }
        return entries;
    }

    private static void Decode(ReadOnlySpan<byte> bigEndian, Span<ulong> entries)
    {
        var raw = MemoryMarshal.Cast<byte, ulong>(bigEndian);
        if (BitConverter.IsLittleEndian)
            BinaryPrimitives.ReverseEndianness(raw, entries);
        else
            raw.CopyTo(entries);
    }
}
