// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Virtio.Memory;

namespace BlockHost.Virtio.Rings;

/// <summary>
/// One request as a driver has laid it out in its memory: what the device reads, then what it writes. Every descriptor was read
/// once and checked after that, so that what the guest changes meanwhile is its own loss. Reused by its owner.
/// </summary>
public sealed class DescriptorChain
{
    private (ulong Address, uint Length)[] _written = new (ulong, uint)[4];
    private int _writtenCount;
    private GuestMemory? _memory;

    public IoVector Readable { get; } = new();

    public IoVector Writable { get; } = new();

    /// <summary>Split rings: the head's index; packed ones: the buffer's id.</summary>
    internal ushort Id { get; set; }

    /// <summary>Packed rings: descriptors of the ring that the chain takes up.</summary>
    internal ushort Slots { get; set; }

    /// <summary>Packed rings: the entry of the in-flight log.</summary>
    internal ushort LogEntry { get; set; }

    /// <summary>Begins a chain in <paramref name="memory"/>, which it holds until <see cref="End"/>.</summary>
    internal void Begin(GuestMemory memory) => _memory = memory.Hold();

    /// <summary>Lets go of the guest's memory.</summary>
    internal void End()
    {
        Readable.Clear();
        Writable.Clear();
        _writtenCount = 0;
        _memory?.Release();
        _memory = null;
    }

    /// <summary>Null: the piece has been added; else what is wrong with it.</summary>
    internal string? Add(ulong address, uint length, bool writable)
    {
        if (length == 0)
            return "a descriptor of no bytes";
        if (!writable && Writable.Count > 0)
            return "a readable descriptor behind a writable one";
        if (!_memory!.TryAdd(address, length, writable ? Writable : Readable))
            return $"0x{length:x} bytes at 0x{address:x} are not the guest's memory";
        if (writable)
            AddWritten(address, length);
        return null;
    }

    internal void MarkWritten(DirtyLog log)
    {
        for (var i = 0; i < _writtenCount; i++)
            log.Mark(_written[i].Address, _written[i].Length);
    }

    private void AddWritten(ulong address, uint length)
    {
        if (_writtenCount == _written.Length)
            Array.Resize(ref _written, _writtenCount * 2);
        _written[_writtenCount++] = (address, length);
    }
}
