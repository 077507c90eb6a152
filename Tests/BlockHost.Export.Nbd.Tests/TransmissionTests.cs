// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Export.Nbd.Tests.Fakes;
using BlockHost.Nbd;
using BlockHost.Plugins.Export.Nbd;
using BlockHost.Plugins.Export.Nbd.Protocol;

namespace BlockHost.Export.Nbd.Tests;

public sealed class TransmissionTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(512)]
    [InlineData(4096)]
    [InlineData(65536)]
    [InlineData(65537)]
    [InlineData(1 << 20)]
    public async Task What_is_written_is_read_back(int length)
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(2 << 20));
        using var client = disk.Connect().Go();
        var data = Pattern(length);

        Assert.Equal(NbdError.None, client.Simple(NbdCommand.Write, 12345, (uint)length, payload: data));

        Assert.Equal(data, client.ReadData(12345, (uint)length));
        Assert.Equal(data, disk.Backend.Data[12345..(12345 + length)]);
    }

    [Fact]
    public async Task Without_structured_replies_a_read_answers_header_and_data()
    {
        await using var disk = await ServedDisk.StartAsync();
        Pattern(8192).CopyTo(disk.Backend.Data, 4096);
        using var client = disk.Connect().Go(structured: false);

        client.SendRequest(NbdCommand.Read, 4096, 8192, cookie: 0xdeadbeef00000001);

        Assert.Equal(new SimpleReply(NbdError.None, 0xdeadbeef00000001), client.ReadSimple());
        Assert.Equal(Pattern(8192), client.Read(8192));
    }

    [Fact]
    public async Task Many_requests_in_one_packet_are_all_answered()
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Go(structured: false);
        var batch = Enumerable.Range(0, 300).SelectMany(
            i => RawClient.Request(NbdCommand.Read, (ulong)i * 512, 512, cookie: (ulong)i)).ToArray();

        client.Send(batch);

        for (var i = 0; i < 300; i++)
        {
            Assert.Equal(new SimpleReply(NbdError.None, (ulong)i), client.ReadSimple());
            client.Read(512);
        }
    }

    [Fact]
    public async Task A_request_that_arrives_byte_by_byte_is_understood()
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Go();

        foreach (var b in (byte[])[.. RawClient.Request(NbdCommand.Write, 5, 3), 1, 2, 3])
        {
            client.Send(b);
            await Task.Delay(1);
        }

        Assert.Equal(NbdError.None, client.ReadSimple().Error);
        Assert.Equal([1, 2, 3], disk.Backend.Data[5..8]);
    }

    [Fact]
    public async Task Writes_of_all_sizes_in_one_stream_keep_their_data()
    {
        var backend = new MemoryBackend(8 << 20);
        await using var disk = await ServedDisk.StartAsync(backend);
        using var client = disk.Connect().Go();
        var expected = new byte[backend.Data.Length];
        var random = new Random(1);
        var sending = Task.Run(() =>
        {
            for (var i = 0; i < 200; i++)
            {
                var length = random.Next(1, i % 7 == 0 ? 700_000 : 9000);
                var offset = random.Next(expected.Length - length);
                var data = new byte[length];
                random.NextBytes(data);
                data.CopyTo(expected, offset);
                client.SendRequest(NbdCommand.Write, (ulong)offset, (uint)length, payload: data);
            }
        });

        for (var i = 0; i < 200; i++)
            Assert.Equal(NbdError.None, client.ReadSimple().Error);
        await sending;
        Assert.True(expected.AsSpan().SequenceEqual(backend.Data));
    }

    [Fact]
    public async Task Requests_that_complete_later_and_in_another_order_answer_their_own_cookie()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(1 << 20) { Hold = true });
        Pattern(1 << 16).CopyTo(disk.Backend.Data, 0);
        using var client = disk.Connect().Go();
        for (var i = 0; i < 50; i++)
            client.SendRequest(NbdCommand.Read, (ulong)i * 1024, 1024, cookie: (ulong)i);
        client.SendRequest(NbdCommand.Write, 900_000, 4, cookie: 50, payload: [9, 8, 7, 6]);
        await disk.Backend.WaitHeldAsync(51);

        disk.Backend.Release(newestFirst: true);

        var seen = new HashSet<ulong>();
        for (var i = 0; i < 51; i++)
        {
            if (client.Socket.Available == 0)
                await Task.Delay(1);
            var magic = client.Read(4);
            if (BinaryPrimitives.ReadUInt32BigEndian(magic) == Wire.SimpleReplyMagic)
            {
                Assert.Equal(50ul, BinaryPrimitives.ReadUInt64BigEndian(client.Read(12).AsSpan(4)));
                seen.Add(50);
                continue;
            }

            var header = client.Read(16);
            var cookie = BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(4));
            var data = client.Read(BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(12)));
            Assert.Equal(disk.Backend.Data.AsSpan((int)cookie * 1024, 1024), data.AsSpan(8));
            seen.Add(cookie);
        }

        Assert.Equal(51, seen.Count);
        Assert.Equal([9, 8, 7, 6], disk.Backend.Data[900_000..900_004]);
    }

    [Fact]
    public async Task Flags_reach_the_backend()
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Go();

        client.Simple(NbdCommand.Write, 0, 1, CommandFlags.Fua, [1]);
        client.Simple(NbdCommand.WriteZeroes, 0, 4096);
        client.Simple(NbdCommand.WriteZeroes, 0, 4096, CommandFlags.NoHole | CommandFlags.FastZero | CommandFlags.Fua);
        client.Simple(NbdCommand.Trim, 0, 4096);
        client.Simple(NbdCommand.Trim, 4096, 4096, CommandFlags.Fua);
        client.Simple(NbdCommand.Flush);
        client.Simple(NbdCommand.Cache, 0, 4096);

        Assert.Equal(
            [
                "write 0+1 Fua", "zero 0+4096 MayUnmap", "zero 0+4096 NoFallback, Fua", "discard 0+4096", "discard 4096+4096",
                "flush", "flush", "read 0+4096 Prefetch"],
            disk.Backend.Log);
    }

    [Theory]
    [InlineData(Errno.EIO, (uint)NbdError.Io)]
    [InlineData(Errno.ENOSPC, (uint)NbdError.NoSpace)]
    [InlineData(Errno.EACCES, (uint)NbdError.NotPermitted)]
    [InlineData(Errno.ENOTSUP, (uint)NbdError.NotSupported)]
    [InlineData(Errno.EBADF, (uint)NbdError.Invalid)]
    public async Task A_failure_of_the_backend_is_told_in_the_protocols_words(int errno, uint expected)
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(1 << 20) { Answer = new IoStatus(errno) });
        using var structured = disk.Connect().Go();
        using var simple = disk.Connect().Go(structured: false);

        var chunk = structured.Structured(NbdCommand.Read, 0, 4096);
        Assert.Equal((ChunkType.Error, (NbdError)expected), (chunk.Type, chunk.Error));
        Assert.Equal((NbdError)expected, simple.Simple(NbdCommand.Read, 0, 4096));
        Assert.Equal((NbdError)expected, simple.Simple(NbdCommand.Write, 0, 1, payload: [1]));
        Assert.Equal((NbdError)expected, structured.Structured(NbdCommand.Read, 0, 200_000).Error);
    }

    [Fact]
    public async Task A_large_read_of_a_hole_sends_no_data()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(2 << 20) { HoleFrom = 1 << 20 });
        using var client = disk.Connect().Go();

        var chunk = client.Structured(NbdCommand.Read, 1 << 20, 1 << 20);

        Assert.Equal(ChunkType.OffsetHole, chunk.Type);
        Assert.Equal(1u << 20, BinaryPrimitives.ReadUInt32BigEndian(chunk.Data.AsSpan(8)));
        Assert.Equal(ChunkType.OffsetData, client.Structured(NbdCommand.Read, 1 << 20, 1 << 20, CommandFlags.DontFragment).Type);
        Assert.Equal(ChunkType.OffsetData, client.Structured(NbdCommand.Read, (1 << 20) - 1, 1 << 20).Type);
    }

    [Fact]
    public async Task Block_status_gives_each_context_in_its_own_chunk()
    {
        await using var disk = await ServedDisk.StartAsync(
            new MemoryBackend(1 << 20) { HoleFrom = 65536 }, options: new NbdExportOptions { AllocationDepth = true });
        using var client = disk.Connect().Go("disk", true, "base:allocation", "qemu:allocation-depth");

        client.SendRequest(NbdCommand.BlockStatus, 4096, 1 << 19);
        var allocation = client.ReadChunk();
        var depth = client.ReadChunk();

        Assert.Equal((ChunkFlags.None, ChunkFlags.Done), (allocation.Flags, depth.Flags));
        Assert.Equal([0, 61440, 0, (1 << 19) - 61440, 3], Words(allocation));
        Assert.Equal([1, 61440, 1, (1 << 19) - 61440, 0], Words(depth));
    }

    [Fact]
    public async Task Block_status_of_one_extent_stops_after_the_first()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(1 << 20) { HoleFrom = 65536 });
        using var client = disk.Connect().Go("disk", true, "base:allocation");

        var chunk = client.Structured(NbdCommand.BlockStatus, 0, 1 << 20, CommandFlags.RequestOne);

        Assert.Equal([0, 65536, 0], Words(chunk));
    }

    [Fact]
    public async Task A_read_of_nothing_is_an_empty_answer()
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Go();

        Assert.Equal(ChunkType.None, client.Structured(NbdCommand.Read, 0, 0).Type);
        Assert.Equal(NbdError.None, client.Simple(NbdCommand.Write, 0, 0));
    }

    [Fact]
    public async Task A_resize_moves_the_end()
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Go();
        Assert.Equal(NbdError.Invalid, client.Structured(NbdCommand.Read, 1 << 20, 1).Error);

        disk.Backend.Resize(2 << 20);

        Assert.Equal([0], client.ReadData(1 << 20, 1));
    }

    private static byte[] Pattern(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)((i * 7) ^ (i >> 8)))];

    private static int[] Words(Chunk chunk) => [.. chunk.Data.Chunk(4).Select(w => BinaryPrimitives.ReadInt32BigEndian(w))];
}
