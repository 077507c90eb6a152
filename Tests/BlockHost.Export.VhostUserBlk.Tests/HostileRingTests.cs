// SPDX-License-Identifier: MIT
using BlockHost.Export.VhostUserBlk.Tests.Fakes;

namespace BlockHost.Export.VhostUserBlk.Tests;

/// <summary>
/// A driver that leaves the rules: its ring stands still and says so, and the daemon serves whoever comes next.
/// </summary>
public sealed class HostileRingTests
{
    private const ushort Next = 1;
    private const ushort Write = 2;
    private const ushort Indirect = 4;

    private delegate void Breakage(BlkClient guest, SplitDriver ring);

    public static TheoryData<string> Names => [.. Breakages.Keys];

    private static Dictionary<string, Breakage> Breakages { get; } = new()
    {
        ["a head past the table"] = (_, ring) => ring.Offer(500),
        ["an available index that jumps"] = (_, ring) => ring.SetAvailableIndex(1000),
        ["a chain that is a loop"] = (guest, ring) =>
        {
            ring.Describe(0, guest.Ram.Allocate(16), 16, Next, 1);
            ring.Describe(1, guest.Ram.Allocate(16), 16, Next, 0);
            ring.Offer(0);
        },
        ["a next past the table"] = (guest, ring) =>
        {
            ring.Describe(0, guest.Ram.Allocate(16), 16, Next, 4000);
            ring.Offer(0);
        },
        ["memory that is not the guest's"] = (_, ring) =>
        {
            ring.Describe(0, 0x10, 16, 0, 0);
            ring.Offer(0);
        },
        ["memory that ends too early"] = (guest, ring) =>
        {
            ring.Describe(0, guest.Ram.GuestAddress + guest.Ram.Size - 8, 16, 0, 0);
            ring.Offer(0);
        },
        ["an address that overflows"] = (_, ring) =>
        {
            ring.Describe(0, ulong.MaxValue - 7, 16, 0, 0);
            ring.Offer(0);
        },
        ["a descriptor of no bytes"] = (guest, ring) =>
        {
            ring.Describe(0, guest.Ram.Allocate(16), 0, 0, 0);
            ring.Offer(0);
        },
        ["a readable descriptor behind a writable one"] = (guest, ring) =>
        {
            ring.Describe(0, guest.Ram.Allocate(16), 16, Write | Next, 1);
            ring.Describe(1, guest.Ram.Allocate(16), 16, 0, 0);
            ring.Offer(0);
        },
        ["no header"] = (guest, ring) =>
        {
            ring.Describe(0, guest.Ram.Allocate(16), 16, Write, 0);
            ring.Offer(0);
        },
        ["no status"] = (guest, ring) =>
        {
            ring.Describe(0, guest.Ram.Allocate(16), 16, 0, 0);
            ring.Offer(0);
        },
        ["an indirect table in an indirect table"] = (guest, ring) =>
        {
            var table = guest.Ram.Allocate(16);
            ring.Describe(table, guest.Ram.Allocate(16), 16, Indirect, 0);
            ring.Describe(0, table, 16, Indirect, 0);
            ring.Offer(0);
        },
        ["an indirect table of half a descriptor"] = (guest, ring) =>
        {
            ring.Describe(0, guest.Ram.Allocate(32), 24, Indirect, 0);
            ring.Offer(0);
        },
        ["an indirect table of 4 GiB"] = (guest, ring) =>
        {
            ring.Describe(0, guest.Ram.Allocate(32), 0xFFFF_FFF0, Indirect, 0);
            ring.Offer(0);
        },
        ["an indirect table outside of memory"] = (_, ring) =>
        {
            ring.Describe(0, 0x10, 32, Indirect, 0);
            ring.Offer(0);
        },
        ["an indirect table that goes on"] = (guest, ring) =>
        {
            ring.Describe(0, guest.Ram.Allocate(32), 32, Indirect | Next, 1);
            ring.Offer(0);
        },
        ["an indirect table whose next is past its end"] = (guest, ring) =>
        {
            var table = guest.Ram.Allocate(16);
            ring.Describe(table, guest.Ram.Allocate(16), 16, Next, 1);
            ring.Describe(0, table, 16, Indirect, 0);
            ring.Offer(0);
        },
    };

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_broken_ring_stands_still_until_it_is_set_up_again(string name)
    {
        await using var disk = new ServedDisk(queues: 2);
        using (var guest = disk.Connect(new() { Rings = 2, Ring = new() { EventIndex = false } }))
        {
            var ring = (SplitDriver)guest.Rings[0];

            Breakages[name](guest, ring);
            ring.KickNow();
            Assert.True(RingDriver.WaitFor(ring.Error, 60_000), "the error is not told");

            Assert.Equal(0, guest.Run(1, 0, new byte[512], [], ring: 1).Status);
            guest.StopRing();
        }

        using var next = disk.Connect();
        Assert.Equal(0, next.Write(0, new byte[512]).Status);
    }

    [Fact]
    public async Task A_driver_cannot_have_more_in_flight_than_its_ring_has()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect(new() { Ring = new() { Size = 4, EventIndex = false } });
        var ring = (SplitDriver)guest.Rings[0];
        disk.Backend.Hold = true;
        Assert.NotNull(ring.Submit(guest.Place(4, 0, [], 0).Chain, indirect: true));
        // The same chain, again and again, without waiting for its end.
        for (ushort i = 1; i < 4; i++)
            ring.Offer(0);
        ring.KickNow();
        await disk.Backend.WaitHeldAsync(4);
        ring.Offer(0);
        ring.KickNow();

        Assert.True(RingDriver.WaitFor(ring.Error, 60_000));
        Assert.Equal(4, disk.Backend.Held);
    }

    [Fact]
    public async Task A_packed_ring_holds_no_more_than_its_descriptors()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect(new() { Ring = new() { Size = 8, Packed = true } });
        var ring = (PackedDriver)guest.Rings[0];
        disk.Backend.Hold = true;
        var chain = guest.Place(1, 0, new byte[512], 0).Chain;
        Assert.NotNull(ring.Submit(chain, indirect: false));
        Assert.NotNull(ring.Submit(chain, indirect: false));
        ring.KickNow();
        await disk.Backend.WaitHeldAsync(2);
        // The last two, and then the first ones again in the next round, which have not been used.
        for (var i = 6; i < 10; i++)
            ring.SetFlags(i % 8, (i < 8 ? 1 << 7 : 1 << 15) | Next);
        ring.KickNow();

        Assert.True(RingDriver.WaitFor(ring.Error, 60_000));
    }
}
