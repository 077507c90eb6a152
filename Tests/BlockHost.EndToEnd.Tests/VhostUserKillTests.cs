// SPDX-License-Identifier: MIT
using BlockHost.EndToEnd.Tests.Support;
using BlockHost.Virtio.Testing;

namespace BlockHost.EndToEnd.Tests;

/// <summary>
/// A daemon dies under a guest and comes again: the front-end keeps what was in flight, and nothing is lost.
/// BLOCKHOST_VIRTIO_KILLS=N for more of them.
/// </summary>
public sealed class VhostUserKillTests
{
    private const int Writes = 64;
    private const int Bytes = 4096;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_daemon_that_dies_amid_64_writes_carries_them_out_after_its_next_start(bool packed)
    {
        using var folder = new Folder();
        await using var disk = new GuestDisk(folder);
        // None of them ends before the daemon does.
        await disk.StartAsync(
            "driver=throttle,node-name=d,file=file,throttle-group=slow",
            more: ["--object", "throttle-group,id=slow,x-iops-total=1"]);
        using var guest = new BlkClient(disk.Socket, Options(packed));
        Assert.True(guest.HasInFlightLog);
        var waiting = new HashSet<ushort>();
        for (var i = 0; i < Writes; i++)
            waiting.Add(Submit(guest, i, round: 1));
        guest.Rings[0].KickNow();
        TakeUntil(guest, waiting, Writes - 1);

        await disk.KillAsync();
        await disk.StartAsync();
        guest.Reconnect(disk.Socket);
        TakeUntil(guest, waiting, 0);

        Assert.Equal(0, guest.Flush().Status);
        Check(disk.Image, _ => 1);
    }

    /// <summary>At any moment: also between what the guest is shown and what is noted of it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_daemon_that_dies_again_and_again_loses_no_write_and_answers_none_twice(bool packed)
    {
        using var folder = new Folder();
        await using var disk = new GuestDisk(folder);
        await disk.StartAsync();
        var random = new Random(packed ? 2 : 1);
        using var guest = new BlkClient(disk.Socket, Options(packed), new GuestRam(512 << 20));
        var rounds = new int[Writes];
        var waiting = new HashSet<ushort>();
        var killed = 0;
        for (var kills = SearchSize.Of("BLOCKHOST_VIRTIO_KILLS", 4); killed < kills; killed++)
        {
            var killing = KillLaterAsync(disk, random.Next(30));
            while (!killing.IsCompleted)
                Work(guest, rounds, waiting);
            await killing;
            await disk.StartAsync();
            guest.Reconnect(disk.Socket);
            TakeUntil(guest, waiting, 0);
        }

        Assert.Equal(0, guest.Flush().Status);
        Check(disk.Image, i => rounds[i]);
    }

    [Fact]
    public async Task A_plugin_that_is_unloaded_under_a_guest_and_comes_back_loses_no_write()
    {
        using var folder = new Folder();
        await using var disk = new GuestDisk(folder) { Program = Programs.Blockhost };
        await disk.StartAsync();
        using var guest = new BlkClient(disk.Socket, Options(packed: false));
        using var qmp = await QmpClient.ConnectAsync(disk.Qmp);
        var (rounds, waiting) = (new int[Writes], new HashSet<ushort>());
        for (var reload = 0; reload < 3; reload++)
        {
            Work(guest, rounds, waiting);
            await qmp.RunAsync("""{"execute": "block-export-del", "arguments": {"id": "e", "mode": "hard"}}""");
            await qmp.WaitForAsync(told => told.GetProperty("event").GetString() == "BLOCK_EXPORT_DELETED");
            var gone = await qmp.RunAsync(
                """{"execute": "plugin-unload", "arguments": {"id": "export.vhostuserblk", "timeout": 60}}""");
            Assert.Equal("available", gone.GetProperty("state").GetString());
            var address = $$"""{"type": "unix", "path": "{{disk.Socket}}"}""";
            await qmp.RunAsync(
                """{"execute": "block-export-add", "arguments": {"type": "vhost-user-blk", "id": "e", "node-name": "d", """
                + "\"writable\": true, \"addr\": " + address + "}}");
            guest.Reconnect(disk.Socket);
            TakeUntil(guest, waiting, 0);
        }

        Assert.Equal(0, guest.Flush().Status);
        Check(disk.Image, i => rounds[i]);
    }

    /// <summary>Writes each place once more, and waits for all of it as long as the daemon lives.</summary>
    private static void Work(BlkClient guest, int[] rounds, HashSet<ushort> waiting)
    {
        var ring = guest.Rings[0];
        if (waiting.Count == 0 && rounds[0] < 200)
        {
            for (var i = 0; i < Writes; i++)
                waiting.Add(Submit(guest, i, ++rounds[i]));
            if (ring.WantsKick())
                ring.KickNow();
        }

        while (ring.TryTake(out var id, out _))
            Assert.True(waiting.Remove(id), $"chain {id} was answered and not asked");
        Thread.Yield();
    }

    private static async Task KillLaterAsync(GuestDisk disk, int milliseconds)
    {
        await Task.Delay(milliseconds);
        await disk.KillAsync();
    }

    private static BlkClientOptions Options(bool packed) =>
        new() { Ring = new() { Size = 256, Packed = packed }, InFlightLog = true };

    private static ushort Submit(BlkClient guest, int place, int round)
    {
        var request = guest.Place(1, (ulong)(place * Bytes / 512), Content(place, round), 0);
        return guest.Rings[0].Submit(request.Chain, indirect: round % 2 == 0)!.Value;
    }

    private static void TakeUntil(BlkClient guest, HashSet<ushort> waiting, int left)
    {
        while (waiting.Count > left)
        {
            var id = BlkClient.Await(guest.Rings[0], out var written);
            Assert.True(waiting.Remove(id), $"chain {id} was answered and not asked");
            Assert.Equal(1u, written);
        }
    }

    private static void Check(string image, Func<int, int> round)
    {
        var stored = File.ReadAllBytes(image).AsSpan(0, Writes * Bytes);
        for (var i = 0; i < Writes; i++)
            Assert.True(stored.Slice(i * Bytes, Bytes).SequenceEqual(Content(i, round(i))), $"write {i}");
    }

    private static byte[] Content(int place, int round)
    {
        var data = new byte[Bytes];
        data.AsSpan().Fill((byte)(place + round));
        BitConverter.TryWriteBytes(data, round);
        return data;
    }
}
