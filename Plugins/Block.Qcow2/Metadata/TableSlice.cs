// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// A cached piece of an L2 table or refcount block, as it is on disk. Entries of eight bytes are read without a lock;
/// only the holder of the metadata lock changes them.
/// </summary>
internal sealed class TableSlice(long offset, byte[] data)
{
    /// <summary>Host offset of the first byte.</summary>
    public long Offset { get; } = offset;

    public byte[] Data { get; } = data;

    /// <summary>Cache time of the last use; approximate, so that hits need no lock.</summary>
    public long LastUse;

    /// <summary>Changed since it was last written. Guarded by the cache.</summary>
    public bool IsDirty;

    /// <summary>A copy is on its way to disk, so a reload could see older bytes. Guarded by the cache.</summary>
    public bool IsBeingWritten;

    public bool IsPinned => IsDirty || IsBeingWritten;

    public ulong this[int index]
    {
        get => BinaryPrimitives.ReverseEndianness(Volatile.Read(ref Cell(index)));
        set => Volatile.Write(ref Cell(index), BinaryPrimitives.ReverseEndianness(value));
    }

    public int Count => Data.Length / sizeof(ulong);

    // Odd while a pair is being changed.
    private int _pairVersion;

    /// <summary>Two neighbouring cells that belong together, as they were at one time.</summary>
    public (ulong First, ulong Second) ReadPair(int index)
    {
        while (true)
        {
            var version = Volatile.Read(ref _pairVersion);
            var pair = (this[index], this[index + 1]);
            if ((version & 1) == 0 && Volatile.Read(ref _pairVersion) == version) return pair;
            Thread.SpinWait(1);
        }
    }

    public void WritePair(int index, ulong first, ulong second)
    {
        Volatile.Write(ref _pairVersion, _pairVersion + 1);
        this[index] = first;
        this[index + 1] = second;
        Volatile.Write(ref _pairVersion, _pairVersion + 1);
    }

    // The array starts at a multiple of eight, so every cell is read and written whole.
    private ref ulong Cell(int index) => ref Unsafe.As<byte, ulong>(ref Data[index * sizeof(ulong)]);
}
