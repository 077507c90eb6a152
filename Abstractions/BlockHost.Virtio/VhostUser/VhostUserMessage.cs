// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Posix;
using BlockHost.Virtio.InFlight;
using BlockHost.Virtio.Memory;

namespace BlockHost.Virtio.VhostUser;

/// <summary>
/// One message, with the descriptors that came beside it; what nobody has taken is closed with it:
/// <code>
///   │ request u32 │ flags u32 │ size u32 │ payload │      in the byte order of the machine
/// </code>
/// </summary>
internal sealed class VhostUserMessage(
    FrontEndRequest request, MessageFlags flags, byte[] payload, int[] descriptors) : IDisposable
{
    public const int HeaderLength = 12;

    /// <summary>No message of ours is longer.</summary>
    public const int MaxPayload = 4096;

    /// <summary>As many regions as a memory table has.</summary>
    public const int MaxDescriptors = 32;

    private const int Region = 32;
    private const ulong NoDescriptor = 0x100;

    private readonly int[] _descriptors = descriptors;

    public FrontEndRequest Request => request;

    public bool NeedsReply => (flags & MessageFlags.NeedReply) != 0;

    public ReadOnlySpan<byte> Payload => payload;

    public ReadOnlySpan<int> Descriptors => _descriptors;

    public ulong UInt64()
    {
        Require(sizeof(ulong));
        return BitConverter.ToUInt64(payload);
    }

    /// <summary>"A vring state description".</summary>
    public (uint Index, uint Number) VringState()
    {
        Require(8);
        return (BitConverter.ToUInt32(payload), BitConverter.ToUInt32(payload, 4));
    }

    /// <summary>"A vring address description": the index, flags, the parts and the address for logging.</summary>
    public (uint Index, uint Flags, ulong Descriptors, ulong Used, ulong Available, ulong Log) VringAddress()
    {
        Require(40);
        var parts = MemoryMarshal.Cast<byte, ulong>(payload.AsSpan(8, 32));
        return (BitConverter.ToUInt32(payload), BitConverter.ToUInt32(payload, 4), parts[0], parts[1], parts[2], parts[3]);
    }

    /// <summary>The index of a ring, and the descriptor, taken; -1: the message says that there is none.</summary>
    public (uint Index, int Descriptor) VringDescriptor()
    {
        var value = UInt64();
        var index = (uint)(value & 0xFF);
        return (value & NoDescriptor) != 0 ? (index, -1) : (index, TakeDescriptor());
    }

    /// <summary>"Memory regions description".</summary>
    public RegionDescription[] Regions()
    {
        Require(8);
        var count = BitConverter.ToUInt32(payload);
        if (count > MaxDescriptors)
            throw new VhostUserException($"{Request}: {count} memory regions");
        Require(8 + ((int)count * Region));
        if (count != _descriptors.Length)
            throw new VhostUserException($"{Request}: {count} memory regions and {_descriptors.Length} descriptors");
        var regions = new RegionDescription[count];
        for (var i = 0; i < regions.Length; i++)
            regions[i] = RegionAt(8 + (i * Region));
        return regions;
    }

    /// <summary>"Single memory region description".</summary>
    public RegionDescription SingleRegion()
    {
        Require(8 + Region);
        return RegionAt(8);
    }

    /// <summary>"Log description": size and offset.</summary>
    public (ulong Size, ulong Offset) LogArea()
    {
        Require(16);
        return (BitConverter.ToUInt64(payload), BitConverter.ToUInt64(payload, 8));
    }

    /// <summary>"Inflight description".</summary>
    public InFlightLayout InFlight()
    {
        Require(20);
        return new(
            BitConverter.ToUInt64(payload),
            BitConverter.ToUInt64(payload, 8),
            BitConverter.ToUInt16(payload, 16),
            BitConverter.ToUInt16(payload, 18));
    }

    /// <summary>"Virtio device config space": offset, size and flags; the bytes follow.</summary>
    public (uint Offset, uint Size, uint Flags) ConfigArea()
    {
        Require(12);
        return (BitConverter.ToUInt32(payload), BitConverter.ToUInt32(payload, 4), BitConverter.ToUInt32(payload, 8));
    }

    /// <summary>The only descriptor, which is the caller's from then on.</summary>
    public int TakeDescriptor()
    {
        if (_descriptors.Length != 1)
            throw new VhostUserException($"{Request}: {_descriptors.Length} descriptors, and not one");
        var taken = _descriptors[0];
        _descriptors[0] = -1;
        return taken;
    }

    public void Dispose()
    {
        foreach (var descriptor in _descriptors)
        {
            if (descriptor >= 0)
                _ = Libc.close(descriptor);
        }
    }

    private RegionDescription RegionAt(int offset)
    {
        var parts = MemoryMarshal.Cast<byte, ulong>(payload.AsSpan(offset, Region));
        return new(parts[0], parts[1], parts[2], parts[3]);
    }

    private void Require(int length)
    {
        if (payload.Length < length)
            throw new VhostUserException($"{Request}: {payload.Length} bytes, and not {length}");
    }
}
