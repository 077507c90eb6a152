// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Export.VhostUserBlk.Tests.Fakes;

namespace BlockHost.Export.VhostUserBlk.Tests;

/// <summary>
/// Rings and messages of any content. What lies before the guest's memory in the same file stays as it was, behind it nothing is
/// mapped, and the device serves the next guest. BLOCKHOST_VIRTIO_CASES=N for more cases of each.
/// </summary>
public sealed class FuzzTests
{
    private const int Guard = 1 << 20;
    private const int Memory = 1 << 20;
    private const byte Untouched = 0xA5;

    private static int Cases => SearchSize.Of("BLOCKHOST_VIRTIO_CASES", 1500);

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 2)]
    public async Task Rings_of_any_content_reach_nothing_but_the_guests_memory(bool packed, int seed)
    {
        await using var disk = new ServedDisk();
        using var ram = new GuestRam(Memory, before: Guard);
        ram.Before.Fill(Untouched);
        var random = new Random(seed);
        using (var guest = new BlkClient(
            disk.Socket, new() { Ring = new() { Size = 16, Packed = packed, EventIndex = false } }, ram))
        {
            var first = ram.GuestAddress + (guest.Rings[0].Descriptors - ram.UserAddress);
            for (var number = 0; number < Cases; number++)
            {
                Scribble(random, ram, guest.Rings[0]);
                guest.Rings[0].KickNow();
                Assert.Equal(0ul, guest.FrontEnd.Acknowledged(3, []));
                guest.StopRing();
                // The split ring's used index is where the device goes on.
                ram.Span(first, 4096).Clear();
                guest.StartRing(0, guest.Rings[0].FreshBase);
            }
        }

        Assert.True(disk.Backend.Reads > Cases / 20, $"only {disk.Backend.Reads} cases were reads");
        Assert.Equal(-1, ram.Before.IndexOfAnyExcept(Untouched));
        using var next = disk.Connect();
        Assert.Equal(0, next.Write(0, new byte[512]).Status);
    }

    [Fact]
    public async Task Messages_of_any_content_do_no_harm()
    {
        await using var disk = new ServedDisk(queues: 2);
        using var ram = new GuestRam(Memory, before: Guard);
        ram.Before.Fill(Untouched);
        using var rings = RingDriver.Create(ram, new());
        var random = new Random(3);
        for (var number = 0; number < Cases;)
        {
            using var frontEnd = new FrontEnd(disk.Socket);
            try
            {
                for (var left = random.Next(40); left > 0; left--, number++)
                    Send(random, frontEnd, ram, rings);
            }
            catch (IOException)
            {
                // It has been disconnected.
            }
        }

        Assert.Equal(-1, ram.Before.IndexOfAnyExcept(Untouched));
        using var next = disk.Connect();
        Assert.Equal(0, next.Write(0, new byte[512]).Status);
    }

    /// <summary>A request as it should be, in a ring or a table, of which some fields are then anything.</summary>
    private static void Scribble(Random random, GuestRam ram, RingDriver ring)
    {
        const int Next = 1, Write = 2, Indirect = 4, Available = 0x80;
        var packed = ring.Options.Packed;
        var work = ram.GuestAddress + (Memory / 2);
        var type = ((uint[])[0, 0, 1, 4, 8, 11, 13])[random.Next(7)];
        BitConverter.TryWriteBytes(ram.Span(work, 4), type);
        BitConverter.TryWriteBytes(ram.Span(work + 8, 8), (ulong)random.Next(200));
        var data = type is 0 or 8 ? Write : 0;
        var length = type switch { 11 or 13 => 16, 8 => 20, _ => 512 * random.Next(1, 20) };
        (ulong Address, uint Length, int Flags)[] chain =
            [(work, 16, Next), (work + 4096, (uint)length, data | Next), (work + 65536, 1, Write)];
        var descriptors = ram.GuestAddress + (ring.Descriptors - ram.UserAddress);
        var indirect = random.Next(2) == 0;
        var table = indirect ? work + 2048 : descriptors;
        for (var i = 0; i < chain.Length; i++)
            Describe(ram, table + (16 * (ulong)i), chain[i], i + 1, packed, indirect ? 0 : Available);
        if (indirect)
            Describe(ram, descriptors, (table, 48, Indirect), 0, packed, Available);
        var available = ram.Span(ram.GuestAddress + (ring.DriverArea - ram.UserAddress), packed ? 4 : 6);
        if (!packed)
            available[2] = 1;
        for (var left = random.Next(5); left > 0; left--)
            Spoil(random, ram, random.Next(4) == 0 ? descriptors : table, packed);
        if (!packed && random.Next(10) == 0)
            BitConverter.TryWriteBytes(available[2..], random.Next(40) | (random.Next(40) << 16));
    }

    private static void Describe(
        GuestRam ram, ulong at, (ulong Address, uint Length, int Flags) described, int next, bool packed, int available)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(ram.Span(at, 16));
        var (third, fourth) = packed ? (7, described.Flags | available) : (described.Flags, next);
        (words[0], words[1]) = (described.Address, described.Length | ((ulong)third << 32) | ((ulong)fourth << 48));
    }

    private static void Spoil(Random random, GuestRam ram, ulong table, bool packed)
    {
        var descriptor = ram.Span(table + (16 * (ulong)random.Next(4)), 16);
        switch (random.Next(5))
        {
            case 0:
                BitConverter.TryWriteBytes(descriptor, AnyAddress(random, ram));
                break;
            case 1:
                BitConverter.TryWriteBytes(
                    descriptor[8..], random.Next(2) == 0 ? (uint)random.NextInt64(uint.MaxValue) : (uint)random.Next(64));
                break;
            case 2:
                BitConverter.TryWriteBytes(descriptor[12..], (ushort)random.Next(8));
                break;
            case 3:
                BitConverter.TryWriteBytes(descriptor[14..], (ushort)(random.Next(20) | (packed ? 0x80 : 0)));
                break;
            default:
                descriptor[random.Next(16)] ^= (byte)(1 << random.Next(8));
                break;
        }
    }

    private static ulong AnyAddress(Random random, GuestRam ram) => random.Next(10) switch
    {
        0 => ram.GuestAddress - (ulong)random.Next(1, 4096),
        1 => ram.GuestAddress + ram.Size - (ulong)random.Next(64),
        2 => (ulong)random.NextInt64() | (1ul << 63),
        _ => ram.GuestAddress + (ulong)random.Next((int)ram.Size),
    };

    private static void Send(Random random, FrontEnd frontEnd, GuestRam ram, RingDriver rings)
    {
        uint[] requests =
        [
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 21, 24, 25, 31, 32, 34, 36, 37, 38, 39, 40, 99,
        ];
        var request = requests[random.Next(requests.Length)];
        var payload = Payload(random, request, ram, rings);
        if (random.Next(4) == 0 && payload.Length > 0)
            payload[random.Next(payload.Length)] ^= (byte)(1 << random.Next(8));
        if (random.Next(20) == 0)
            payload = payload[..random.Next(payload.Length + 1)];
        int[] descriptors = random.Next(10) == 0
            ? []
            : request switch { 5 or 6 or 32 or 37 => [ram.Descriptor], 12 or 13 or 14 or 21 => [rings.Kick], _ => [] };
        frontEnd.Send(request, payload, random.Next(50) == 0 ? (uint)random.Next() : 9, null, descriptors);
        // Whether there is an answer depends on what has been agreed on: another question's comes behind it.
        frontEnd.Send(1, []);
        while (frontEnd.Receive().Request != 1)
        {
        }
    }

    private static byte[] Payload(Random random, uint request, GuestRam ram, RingDriver rings)
    {
        var ring = (uint)random.Next(2);
        return request switch
        {
            2 => BitConverter.GetBytes((1ul << 32) | ((ulong)random.Next() & 0x7000_0000) | ((ulong)random.Next(2) << 34)),
            16 => BitConverter.GetBytes(0x1922Bul),
            5 => [1, 0, 0, 0, 0, 0, 0, 0, .. FrontEnd.Region(ram)],
            37 or 38 => [.. new byte[8], .. FrontEnd.Region(ram)],
            6 => [.. BitConverter.GetBytes(4096ul), .. BitConverter.GetBytes(ram.Offset)],
            8 => [.. BitConverter.GetBytes(ring), .. BitConverter.GetBytes(1u << random.Next(12))],
            9 =>
            [
                .. BitConverter.GetBytes(ring), .. BitConverter.GetBytes((uint)random.Next(2)),
                .. BitConverter.GetBytes(rings.Descriptors), .. BitConverter.GetBytes(rings.DeviceArea),
                .. BitConverter.GetBytes(rings.DriverArea),
                .. BitConverter.GetBytes(AnyAddress(random, ram)),
            ],
            10 or 11 or 18 => [.. BitConverter.GetBytes(ring), .. BitConverter.GetBytes((uint)random.Next(3))],
            12 or 13 or 14 => BitConverter.GetBytes((ulong)ring | (random.Next(20) == 0 ? 0x100ul : 0)),
            24 or 25 =>
            [
                .. BitConverter.GetBytes(32u), .. BitConverter.GetBytes(1u), .. BitConverter.GetBytes((uint)random.Next(2)),
                (byte)random.Next(2),
            ],
            31 or 32 =>
            [
                .. BitConverter.GetBytes((ulong)random.Next(100_000)), .. BitConverter.GetBytes(ram.Offset),
                .. BitConverter.GetBytes((ushort)random.Next(4)), .. BitConverter.GetBytes((ushort)random.Next(300)), 0, 0, 0, 0,
            ],
            39 => BitConverter.GetBytes((ulong)random.Next(16)),
            _ => new byte[random.Next(3) * 8],
        };
    }
}
