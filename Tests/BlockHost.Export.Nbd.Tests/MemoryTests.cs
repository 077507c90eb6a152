// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Net.Sockets;
using BlockHost.Block;
using BlockHost.Export.Nbd.Tests.Fakes;
using BlockHost.Nbd;
using BlockHost.Plugins.Export.Nbd.Protocol;

namespace BlockHost.Export.Nbd.Tests;

/// <summary>What clients can make the server hold is bounded, counted, and given back.</summary>
public sealed class MemoryTests
{
    private const int MiB = 1 << 20;

    /// <summary>What each client holds beside large buffers: a chunk to receive into and a few for replies.</summary>
    private const long SmallBuffersOfAClient = 2 * MiB;

    [Fact]
    public async Task Clients_that_do_not_read_hold_no_more_than_the_limit()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(8 * MiB), memory: 32 * MiB);
        var deaf = Enumerable.Range(0, 20).Select(_ => disk.Connect().Go(structured: false)).ToList();
        foreach (var client in deaf)
            client.Send([.. Enumerable.Range(0, 50).SelectMany(_ => RawClient.Request(NbdCommand.Read, 0, 8 * MiB))]);

        // A client that reads is served meanwhile.
        using (var reader = disk.Connect().Go())
            Assert.Equal(8 * MiB, ReadAll(reader, 0, 8 * MiB).Length);
        Assert.InRange(disk.Memory.Used, 1, (32 * MiB) + (21 * SmallBuffersOfAClient));
        deaf.ForEach(client => client.Dispose());
    }

    [Theory]
    [InlineData(true, (ushort)0)]
    [InlineData(true, (ushort)CommandFlags.DontFragment)]
    [InlineData(false, (ushort)0)]
    public async Task A_read_that_finds_no_memory_is_carried_out_in_pieces(bool structured, ushort flags)
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(MiB), memory: 0);
        new Random(1).NextBytes(disk.Backend.Data);
        using var client = disk.Connect().Go(structured: structured);

        // Two at once, and a small one behind them.
        client.SendRequest(NbdCommand.Read, 100, MiB - 200, (CommandFlags)flags);
        client.SendRequest(NbdCommand.Read, 0, MiB, (CommandFlags)flags);
        client.SendRequest(NbdCommand.Read, 5, 3, (CommandFlags)flags);

        Assert.Equal(disk.Backend.Data[100..^100], Reply(client, structured, 100, MiB - 200));
        Assert.Equal(disk.Backend.Data, Reply(client, structured, 0, MiB));
        Assert.Equal(disk.Backend.Data[5..8], Reply(client, structured, 5, 3));
    }

    [Fact]
    public async Task A_read_whose_pieces_complete_later_is_whole()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(MiB) { Hold = true }, memory: 0);
        new Random(2).NextBytes(disk.Backend.Data);
        using var client = disk.Connect().Go();
        client.SendRequest(NbdCommand.Read, 0, 300_000);
        await disk.Backend.WaitHeldAsync(1);
        Assert.Equal(1, disk.Backend.Held);

        disk.Backend.Hold = false;
        disk.Backend.Release();

        Assert.Equal(disk.Backend.Data[..300_000], Reply(client, structured: true, 0, 300_000));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_write_that_finds_no_memory_is_carried_out_in_pieces(bool structured)
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(MiB), memory: 0);
        using var client = disk.Connect().Go(structured: structured);
        var data = new byte[MiB - 7];
        new Random(3).NextBytes(data);

        Assert.Equal(NbdError.None, client.Simple(NbdCommand.Write, 7, (uint)data.Length, payload: data));
        Assert.Equal(data, disk.Backend.Data[7..]);
    }

    [Fact]
    public async Task An_error_in_a_piece_is_the_answer_and_the_connection_serves_on()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(MiB), memory: 0);
        using var client = disk.Connect().Go();
        disk.Backend.Answer = new IoStatus(Errno.EIO);

        Assert.Equal(NbdError.Io, client.Structured(NbdCommand.Write, 0, 300_000, payload: new byte[300_000]).Error);
        Assert.Equal(NbdError.Io, client.Structured(NbdCommand.Read, 0, 300_000).Error);

        disk.Backend.Answer = IoStatus.Ok;
        Assert.Equal([0], client.ReadData(0, 1));
    }

    [Fact]
    public async Task A_hang_up_amid_the_pieces_leaves_nothing_behind()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(MiB) { Hold = true }, memory: 0);
        using (var reading = disk.Connect().Go())
        using (var writing = disk.Connect().Go())
        {
            reading.SendRequest(NbdCommand.Read, 0, MiB);
            writing.Send([.. RawClient.Request(NbdCommand.Write, 0, MiB), .. new byte[100_000]]);
            await disk.Backend.WaitHeldAsync(2);
        }

        disk.Backend.Hold = false;
        disk.Backend.Release();
        await Eventually.TrueAsync(() => disk.Server.ClientCount == 0);
        Assert.Equal(0, disk.Backend.OpenQueues);
    }

    [Fact]
    public async Task What_nobody_uses_goes_back_after_a_while()
    {
        var clock = new ManualClock();
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(8 * MiB), clock: clock);
        using var client = disk.Connect().Go();
        Assert.Equal(8 * MiB, client.ReadData(0, 8 * MiB).Length);
        Assert.InRange(disk.Memory.Used, 8 * MiB, 12 * MiB);

        // What was used since the last look stays until the next one.
        await Eventually.TrueAsync(() =>
        {
            clock.Fire();
            return disk.Memory.Used < SmallBuffersOfAClient;
        });

        Assert.Equal(8 * MiB, client.ReadData(0, 8 * MiB).Length);
    }

    [Fact]
    public async Task Nothing_is_held_once_the_server_has_gone()
    {
        var disk = await ServedDisk.StartAsync(new MemoryBackend(8 * MiB));
        using var client = disk.Connect().Go();
        Assert.Equal(8 * MiB, client.ReadData(0, 8 * MiB).Length);

        await disk.DisposeAsync();

        Assert.Equal(0, disk.Memory.Used);
    }

    [Fact]
    public async Task A_flood_of_options_is_answered_as_fast_as_it_is_read_and_no_faster()
    {
        await using var disk = await ServedDisk.StartAsync(clock: new ManualClock());
        for (var i = 0; i < 50; i++)
            disk.Add($"export {i} {new string('x', 4000)}", new MemoryBackend(512));
        using var flooding = disk.Connect().Greet();
        flooding.Socket.Blocking = false;
        SendUntilFull(flooding, Enumerable.Repeat(List(), 4000).SelectMany(option => option).ToArray());

        // 4000 lists of 200 KB would be 800 MB.
        using var client = disk.Connect().Go();
        Assert.Equal([0], client.ReadData(0, 1));
        Assert.InRange(disk.Memory.Used, 0, 2 * SmallBuffersOfAClient);

        // All that was asked for comes, in order.
        flooding.Socket.Blocking = true;
        for (var i = 0; i < 51 * 20; i++)
            Assert.Equal(NbdOption.List, ReadReply(flooding));
    }

    [Fact]
    public async Task A_client_with_much_to_do_leaves_turns_to_the_others()
    {
        const int Count = 1000;
        const long Other = 4096;
        using var bothHaveAsked = new ManualResetEventSlim();
        var (before, otherWasServed) = (0, false);
        var backend = new MemoryBackend(MiB)
        {
            OnRead = offset =>
            {
                bothHaveAsked.Wait();
                otherWasServed |= offset == Other;
                before += otherWasServed ? 0 : 1;
            },
        };
        await using var disk = await ServedDisk.StartAsync(backend);

        // Clients are spread over the loops: the last one comes to the first one's.
        var clients = Enumerable.Range(0, Math.Min(Environment.ProcessorCount, 8) + 1)
            .Select(_ => disk.Connect().Go(structured: false)).ToList();
        clients[0].Send(
            [.. Enumerable.Range(0, Count).SelectMany(i => RawClient.Request(NbdCommand.Read, 0, 512, cookie: (ulong)i))]);
        clients[^1].SendRequest(NbdCommand.Read, Other, 512);
        bothHaveAsked.Set();

        Assert.Equal(NbdError.None, clients[^1].ReadSimple().Error);
        Assert.InRange(before, 0, 300);
        for (var i = 0; i < Count; i++)
        {
            Assert.Equal((ulong)i, clients[0].ReadSimple().Cookie);
            clients[0].Read(512);
        }

        clients.ForEach(client => client.Dispose());
    }

    private static byte[] List()
    {
        var message = new byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(message, Wire.OptionMagic);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(8), (uint)NbdOption.List);
        return message;
    }

    private static NbdOption ReadReply(RawClient client)
    {
        var header = client.Read(20);
        client.Read(BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(16)));
        return (NbdOption)BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(8));
    }

    private static void SendUntilFull(RawClient client, byte[] data)
    {
        try
        {
            for (var sent = 0; sent < data.Length;)
                sent += client.Socket.Send(data.AsSpan(sent));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
        {
            // The server has stopped to read.
        }
    }

    private static byte[] ReadAll(RawClient client, ulong offset, uint length)
    {
        client.SendRequest(NbdCommand.Read, offset, length);
        return Reply(client, structured: true, offset, length);
    }

    /// <summary>The data of a read, in however many chunks.</summary>
    private static byte[] Reply(RawClient client, bool structured, ulong offset, uint length)
    {
        if (!structured)
        {
            Assert.Equal(NbdError.None, client.ReadSimple().Error);
            return client.Read((int)length);
        }

        var data = new List<byte>();
        while (true)
        {
            var chunk = client.ReadChunk();
            Assert.Equal(ChunkType.OffsetData, chunk.Type);
            Assert.Equal(offset + (ulong)data.Count, BinaryPrimitives.ReadUInt64BigEndian(chunk.Data));
            data.AddRange(chunk.Data.AsSpan(8));
            if ((chunk.Flags & ChunkFlags.Done) != 0)
                return [.. data];
        }
    }
}
