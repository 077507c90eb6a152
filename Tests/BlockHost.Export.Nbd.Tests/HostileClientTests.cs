// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Export.Nbd.Tests.Fakes;
using BlockHost.Nbd;
using BlockHost.Plugins.Export.Nbd.Protocol;

namespace BlockHost.Export.Nbd.Tests;

public sealed class HostileClientTests
{
    [Theory]
    [InlineData((ushort)NbdCommand.Read, (1ul << 20) - 10, 100, (uint)NbdError.Invalid)]
    [InlineData((ushort)NbdCommand.Read, ulong.MaxValue, 1, (uint)NbdError.Invalid)]
    [InlineData((ushort)NbdCommand.Read, 1ul << 63, 100, (uint)NbdError.Invalid)]
    [InlineData((ushort)NbdCommand.Read, 0ul, uint.MaxValue, (uint)NbdError.Invalid)]
    [InlineData((ushort)NbdCommand.Cache, 0ul, (32u << 20) + 1, (uint)NbdError.Invalid)]
    [InlineData((ushort)NbdCommand.WriteZeroes, 1ul << 20, 1u, (uint)NbdError.NoSpace)]
    [InlineData((ushort)NbdCommand.Trim, 1ul << 20, 1u, (uint)NbdError.Invalid)]
    [InlineData((ushort)NbdCommand.BlockStatus, 0ul, 0, (uint)NbdError.Invalid)]
    [InlineData(55, 0, 0, (uint)NbdError.Invalid)]
    public async Task Requests_out_of_bounds_are_refused_and_the_connection_serves_on(
        ushort command, ulong offset, uint length, uint expected)
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Go("disk", true, "base:allocation");

        var chunk = client.Structured((NbdCommand)command, offset, length);

        Assert.Equal((ChunkType.Error, (NbdError)expected), (chunk.Type, chunk.Error));
        Assert.NotEmpty(chunk.ErrorText);
        Assert.Equal([0], client.ReadData(0, 1));
    }

    [Theory]
    [InlineData((ushort)NbdCommand.Read, (ushort)CommandFlags.RequestOne)]
    [InlineData((ushort)NbdCommand.Trim, (ushort)CommandFlags.FastZero)]
    [InlineData((ushort)NbdCommand.Flush, (ushort)0x8000)]
    public async Task Flags_that_mean_nothing_are_refused(ushort command, ushort flags)
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Go();

        Assert.Equal(NbdError.Invalid, client.Structured((NbdCommand)command, 0, 512, (CommandFlags)flags).Error);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(300_000)]
    public async Task A_refused_write_is_answered_after_its_payload_and_the_stream_stays_in_step(int length)
    {
        await using var disk = await ServedDisk.StartAsync(writable: false);
        using var client = disk.Connect().Go();

        var chunk = client.Structured(NbdCommand.Write, 0, (uint)length, payload: new byte[length]);

        Assert.Equal((NbdError.NotPermitted, "Export is read-only"), (chunk.Error, chunk.ErrorText));
        Assert.Equal([0], client.ReadData(0, 1));
    }

    [Fact]
    public async Task A_write_too_long_to_be_read_is_refused_and_the_connection_ends()
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Go();

        Assert.Equal(NbdError.Invalid, client.Structured(NbdCommand.Write, 0, (32 << 20) + 1).Error);
        Assert.True(client.IsClosed());
    }

    [Fact]
    public async Task Garbage_for_a_request_ends_the_connection()
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Go();

        client.Send(RawClient.Request(NbdCommand.Read, magic: 55));

        Assert.Equal(ChunkType.Error, client.ReadChunk().Type);
        Assert.True(client.IsClosed());
    }

    [Theory]
    [InlineData(0x80000000)]
    [InlineData(7)]
    public async Task Unknown_client_flags_end_the_connection(uint flags)
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Greet(flags);

        Assert.True(client.IsClosed());
    }

    [Fact]
    public async Task Garbage_for_an_option_ends_the_connection()
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Greet();

        client.Send([.. "JUNKJUNKJUNKJUNK"u8]);

        Assert.True(client.IsClosed());
    }

    [Fact]
    public async Task An_option_of_a_gigabyte_is_refused_unread()
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Greet();

        client.SendOption((NbdOption)99, [], 1 << 30);

        Assert.Equal(Wire.OptionReplyMagic, System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(client.Read(8)));
        client.Read(4);
        Assert.Equal((uint)OptionReply.ErrTooBig, System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(client.Read(4)));
    }

    [Fact]
    public async Task A_client_that_says_nothing_is_disconnected()
    {
        var clock = new ManualClock();
        await using var disk = await ServedDisk.StartAsync(clock: clock);
        using var silent = disk.Connect().Greet();
        using var serving = disk.Connect().Go();

        await clock.WaitForTimersAsync(1);
        clock.Fire();

        Assert.True(silent.IsClosed());
        Assert.Equal([0], serving.ReadData(0, 1));
    }

    [Fact]
    public async Task A_client_that_does_not_read_stops_being_served_and_others_go_on()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(2 << 20));
        using var deaf = disk.Connect().Go(structured: false);
        deaf.Socket.Blocking = false;
        var request = RawClient.Request(NbdCommand.Read, 0, 1 << 20);
        for (var i = 0; i < 2000; i++)
        {
            try
            {
                deaf.Socket.Send(request);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
            {
                break;
            }
        }

        await Eventually.TrueAsync(() => Volatile.Read(ref disk.Backend.Reads) >= 1);
        using var client = disk.Connect().Go();
        Assert.Equal(1 << 20, client.ReadData(0, 1 << 20).Length);
        Assert.InRange(disk.Backend.Reads, 2, 40);
    }

    [Fact]
    public async Task Requests_in_flight_are_bounded()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(1 << 20) { Hold = true });
        using var client = disk.Connect().Go();
        client.Send([.. Enumerable.Range(0, 1000).SelectMany(i => RawClient.Request(NbdCommand.Read, 0, 512, cookie: (ulong)i))]);

        await disk.Backend.WaitHeldAsync(128);
        await Task.Delay(50);
        Assert.Equal(128, disk.Backend.Held);

        disk.Backend.Hold = false;
        disk.Backend.Release();
        var seen = Enumerable.Range(0, 1000).Select(_ => client.ReadChunk().Cookie).ToHashSet();
        Assert.Equal(1000, seen.Count);
    }

    [Fact]
    public async Task Half_a_request_and_a_hang_up_leave_nothing_behind()
    {
        await using var disk = await ServedDisk.StartAsync();
        foreach (var length in (uint[])[512, 300_000])
        {
            using var client = disk.Connect().Go();
            client.Send([.. RawClient.Request(NbdCommand.Write, 0, length), 1, 2, 3]);
        }

        await Eventually.TrueAsync(() => disk.Server.ClientCount == 0);
        Assert.Equal(0, disk.Backend.OpenQueues);
        Assert.False(disk.Export.HasClients);
    }

    [Fact]
    public async Task A_client_that_goes_while_its_requests_run_is_let_go_when_they_are_done()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(1 << 20) { Hold = true });
        using (var client = disk.Connect().Go())
        {
            client.SendRequest(NbdCommand.Write, 0, 4, payload: [1, 2, 3, 4]);
            await disk.Backend.WaitHeldAsync(1);
        }

        await Task.Delay(20);
        Assert.Equal(1, disk.Server.ClientCount);
        disk.Backend.Release();
        await Eventually.TrueAsync(() => disk.Server.ClientCount == 0);
        Assert.Equal([1, 2, 3, 4], disk.Backend.Data[..4]);
    }

    [Fact]
    public async Task More_clients_than_allowed_wait_for_their_turn()
    {
        await using var disk = await ServedDisk.StartAsync(maxConnections: 2);
        using var first = disk.Connect().Go();
        using var second = disk.Connect().Go();
        using var third = disk.Connect();
        await Task.Delay(50);
        Assert.Equal(0, third.Socket.Available);

        first.Dispose();

        third.Go();
        Assert.Equal([0], third.ReadData(0, 1));
    }

    [Fact]
    public async Task A_thousand_connections_leave_the_server_serving()
    {
        await using var disk = await ServedDisk.StartAsync(maxConnections: 0);
        var crowd = new List<RawClient>();
        for (var i = 0; i < 1000; i++)
            crowd.Add(disk.Connect());
        using (var client = disk.Connect().Go())
            Assert.Equal([0], client.ReadData(0, 1));

        crowd.ForEach(c => c.Dispose());
        await Eventually.TrueAsync(() => disk.Server.ClientCount == 0);
    }
}
