// SPDX-License-Identifier: MIT
using BlockHost.Export.VhostUserBlk.Tests.Fakes;

namespace BlockHost.Export.VhostUserBlk.Tests;

/// <summary>What happens around requests: rings that stop and start, memory that changes, front-ends that come and go.</summary>
public sealed class SessionTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_ring_that_was_stopped_goes_on_where_it_was(bool packed)
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect(RequestTests.Options(packed, eventIndex: true));
        for (var i = 0; i < 200; i++)
            Assert.Equal(0, guest.Write(0, new byte[512]).Status);

        var at = guest.StopRing();
        var request = guest.Place(0, 0, [], 512);
        Assert.NotNull(guest.Rings[0].Submit(request.Chain, indirect: false));
        guest.Rings[0].KickNow();
        guest.StartRing(0, at);

        BlkClient.Await(guest.Rings[0], out var written);
        Assert.Equal(513u, written);
    }

    [Fact]
    public async Task A_stop_waits_until_nothing_is_in_flight()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect();
        disk.Backend.Hold = true;
        guest.Rings[0].Submit(guest.Place(1, 0, new byte[512], 0).Chain, indirect: false);
        guest.Rings[0].KickNow();
        await disk.Backend.WaitHeldAsync(1);

        var stopped = Task.Run(() => guest.StopRing());
        await disk.Backend.WaitHeldAsync(1);
        Assert.False(stopped.IsCompleted);
        disk.Backend.Release();

        Assert.Equal(1u, await stopped.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.True(guest.Rings[0].HasUsed);
    }

    /// <summary>Vhost-user: "kick before enable must not be lost".</summary>
    [Fact]
    public async Task A_kick_before_the_ring_is_enabled_is_not_lost()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect();
        guest.FrontEnd.SendRing(18, 0, 0);
        Assert.Equal(0ul, guest.FrontEnd.Acknowledged(3, []));

        guest.Rings[0].Submit(guest.Place(1, 0, new byte[512], 0).Chain, indirect: false);
        guest.Rings[0].KickNow();
        Assert.Equal(0ul, guest.FrontEnd.Acknowledged(3, []));
        Assert.False(guest.Rings[0].HasUsed);
        guest.FrontEnd.SendRing(18, 0, 1);

        BlkClient.Await(guest.Rings[0], out _);
    }

    [Fact]
    public async Task Memory_is_exchanged_while_requests_are_in_flight()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect();
        disk.Backend.Hold = true;
        disk.Backend.Data.AsSpan().Fill(7);
        var request = guest.Place(0, 0, [], 4096);
        guest.Rings[0].Submit(request.Chain, indirect: false);
        guest.Rings[0].KickNow();
        await disk.Backend.WaitHeldAsync(1);
        using var more = new GuestRam(1 << 20, guestAddress: 0x8000_0000);

        guest.FrontEnd.SetMemory(guest.Ram, more);
        Assert.Equal(0ul, guest.FrontEnd.Acknowledged(3, []));
        disk.Backend.Hold = false;
        disk.Backend.Release();

        BlkClient.Await(guest.Rings[0], out _);
        Assert.Equal(-1, guest.Ram.Span(request.Output, 4096).IndexOfAnyExcept((byte)7));
        Assert.Equal(0, guest.Write(0, new byte[512]).Status);
    }

    [Fact]
    public async Task Memory_comes_and_goes_region_by_region()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect();
        using var more = new GuestRam(1 << 20, guestAddress: 0x8000_0000);
        byte[] region = [.. new byte[8], .. FrontEnd.Region(more)];
        Assert.Equal(0ul, guest.FrontEnd.Acknowledged(37, region, more.Descriptor));
        var request = guest.Place(0, 0, [], 512);
        var target = more.Allocate(512);
        GuestBuffer[] chain = [request.Chain[0], new(target, 512, true), request.Chain[^1]];
        disk.Backend.Data.AsSpan().Fill(9);

        guest.Rings[0].Submit(chain, indirect: false);
        guest.Rings[0].KickNow();
        BlkClient.Await(guest.Rings[0], out _);
        Assert.Equal(9, more.Span(target, 1)[0]);
        Assert.Equal(0ul, guest.FrontEnd.Acknowledged(38, region));
        guest.Rings[0].Submit(chain, indirect: false);
        guest.Rings[0].KickNow();

        Assert.True(RingDriver.WaitFor(guest.Rings[0].Error, 60_000));
    }

    [Fact]
    public async Task A_resized_disk_tells_its_guest()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect();
        using var channel = new BackEndChannel(guest.FrontEnd);

        disk.Backend.Resize(2 << 20);

        Assert.Equal((2u, 1u), channel.Receive());
        Assert.Equal((2ul << 20) / 512, BitConverter.ToUInt64(guest.Config(0, 8)));
    }

    [Fact]
    public async Task The_next_front_end_waits_for_the_requests_of_the_last_one()
    {
        await using var disk = new ServedDisk();
        var first = disk.Connect();
        disk.Backend.Hold = true;
        first.Rings[0].Submit(first.Place(1, 0, [.. Enumerable.Repeat((byte)1, 512)], 0).Chain, indirect: false);
        first.Rings[0].KickNow();
        await disk.Backend.WaitHeldAsync(1);
        first.Dispose();

        var connecting = Task.Run(() => disk.Connect());
        disk.Backend.Hold = false;
        Assert.False(connecting.IsCompleted);
        disk.Backend.Release();
        using var second = await connecting.WaitAsync(TimeSpan.FromSeconds(60));

        var read = new byte[512];
        Assert.Equal(0, second.Read(0, read).Status);
        Assert.Equal(1, read[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_front_end_that_comes_back_gets_what_was_in_flight_done_again(bool packed)
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect(RequestTests.Options(packed, eventIndex: true) with { InFlightLog = true });
        Assert.True(guest.HasInFlightLog);
        for (var i = 0; i < 300; i++)
            guest.Write(1, new byte[512]);
        disk.Backend.Hold = true;
        guest.Rings[0].Submit(guest.Place(1, 0, [.. Enumerable.Repeat((byte)5, 512)], 0).Chain, indirect: false);
        guest.Rings[0].KickNow();
        await disk.Backend.WaitHeldAsync(1);

        var reconnecting = Task.Run(() => guest.Reconnect(disk.Socket));
        disk.Backend.Hold = false;
        disk.Backend.Release();
        await reconnecting.WaitAsync(TimeSpan.FromSeconds(60));

        BlkClient.Await(guest.Rings[0], out _);
        Assert.False(guest.Rings[0].HasUsed);
        Assert.Equal(0, guest.Write(2, new byte[512]).Status);
    }

    [Fact]
    public async Task The_end_of_an_export_waits_for_requests_and_lets_its_guest_go()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect();
        guest.Write(0, new byte[512]);
        Assert.True(disk.Export.HasClients);
        disk.Backend.Hold = true;
        guest.Rings[0].Submit(guest.Place(1, 0, new byte[512], 0).Chain, indirect: false);
        guest.Rings[0].KickNow();
        await disk.Backend.WaitHeldAsync(1);

        disk.Export.RequestShutdown();
        Assert.False(disk.Ended.IsCompleted);
        disk.Backend.Release();

        await disk.Ended.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(guest.FrontEnd.IsClosed());
        Assert.True(guest.Rings[0].HasUsed);
        Assert.False(File.Exists(disk.Socket));
        Assert.Equal(0, disk.Backend.OpenQueues);
    }

    [Fact]
    public async Task What_is_written_into_memory_is_logged_while_the_guest_moves()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect();
        using var log = new GuestRam(1 << 20);
        guest.FrontEnd.Send(6, [.. BitConverter.GetBytes(1ul << 20), .. new byte[8]], 1, null, log.Descriptor);
        Assert.Equal(0ul, guest.FrontEnd.Receive().Value);
        Assert.Equal(0ul, guest.FrontEnd.Acknowledged(2, BitConverter.GetBytes(guest.Features | (1 << 26))));
        var request = guest.Place(0, 0, [], 12288);

        guest.Rings[0].Submit(request.Chain, indirect: false);
        guest.Rings[0].KickNow();
        BlkClient.Await(guest.Rings[0], out _);

        var first = (int)(request.Output >> 12);
        var last = (int)((request.Output + 12288) >> 12);
        for (var page = first; page <= last; page++)
            Assert.True(IsMarked(log, page), $"page {page}");
        Assert.False(IsMarked(log, last + 1));
    }

    [Fact]
    public async Task A_device_that_is_reset_starts_anew()
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect();
        guest.Write(0, new byte[512]);

        Assert.Equal(0ul, guest.FrontEnd.Acknowledged(34, []));
        guest.FrontEnd.Send(2, guest.Features);
        guest.StartRing(0, 1);

        Assert.Equal(0, guest.Write(0, new byte[512]).Status);
    }

    private static bool IsMarked(GuestRam log, int page) =>
        (log.Span(log.GuestAddress + (uint)(page / 8), 1)[0] & (1 << (page % 8))) != 0;
}
