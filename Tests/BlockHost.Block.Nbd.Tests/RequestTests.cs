// SPDX-License-Identifier: MIT
using BlockHost.Block.Nbd.Tests.Fakes;
using BlockHost.Nbd;

namespace BlockHost.Block.Nbd.Tests;

/// <summary>What a node asks a server for.</summary>
public sealed class RequestTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_written_is_read(bool structured)
    {
        await using var server = new MemoryServer(1 << 20) { Habits = { StructuredReplies = structured } }.Start();
        await using var node = await Client.OpenAsync(server);
        foreach (var length in new[] { 1, 511, 4096, 100_000, 1 << 19 })
        {
            var data = new byte[length];
            new Random(length).NextBytes(data);

            await node.WriteAsync(1000, data);

            Assert.Equal(data, await node.ReadAsync(1000, length));
            Assert.Equal(data, server.Disk[1000..(1000 + length)]);
        }
    }

    [Fact]
    public async Task Many_requests_are_in_flight_and_each_gets_its_own_answer()
    {
        await using var server = new MemoryServer(1 << 20).Start();
        new Random(1).NextBytes(server.Disk);
        await using var node = await Client.OpenAsync(server);

        var reads = Enumerable.Range(0, 500).Select(i => node.ReadAsync(i * 2000, 1 + i * 3)).ToArray();

        for (var i = 0; i < reads.Length; i++)
            Assert.Equal(server.Disk[(i * 2000)..(i * 2000 + 1 + i * 3)], await reads[i]);
    }

    [Fact]
    public async Task Flags_go_with_their_commands()
    {
        await using var server = new MemoryServer(1 << 20).Start();
        await using (var node = await Client.OpenAsync(server))
        {
            await node.WriteAsync(0, new byte[512], WriteFlags.Fua, CancellationToken.None);
            await node.WriteZeroesAsync(0, 4096, ZeroFlags.None, CancellationToken.None);
            await node.WriteZeroesAsync(
                0, 4096, ZeroFlags.MayUnmap | ZeroFlags.NoFallback | ZeroFlags.Fua, CancellationToken.None);
            await node.DiscardAsync(512, 1024, CancellationToken.None);
            await node.FlushAsync(CancellationToken.None);
        }

        Assert.Equal(
            [
                "Write Fua 0+512", "WriteZeroes NoHole 0+4096", "WriteZeroes Fua, FastZero 0+4096", "Trim None 512+1024", "Flush None 0+0",
            ],
            server.Habits.Requests.Select(request => $"{request.Command} {request.Flags} {request.Offset}+{request.Length}"));
    }

    [Fact]
    public async Task A_profile_is_what_the_server_offers()
    {
        await using var server = new MemoryServer(1 << 20)
        {
            Habits = { Flags = TransmissionFlags.HasFlags | TransmissionFlags.SendTrim, BlockSizes = new(4096, 65536, 131072) },
        }.Start();
        await using var node = await Client.OpenAsync(server);

        var profile = node.Profile;

        Assert.Equal(
            (4096, 131072L, 65536L),
            (profile.Limits.RequestAlignment, profile.Limits.MaxTransfer, profile.Limits.OptimalTransfer));
        Assert.Equal(
            (Support.None, Support.Emulate, Support.Emulate, Support.Native),
            (profile.Flush, profile.Fua, profile.WriteZeroes, profile.Discard));
    }

    [Fact]
    public async Task States_are_the_servers()
    {
        await using var server = new MemoryServer(1 << 20).Start();
        server.Disk.AsSpan(4096, 8192).Fill(1);
        await using var node = await Client.OpenAsync(server);

        var hole = await node.GetStatusAsync(0, 1 << 20, StatusPrecision.WantZero, CancellationToken.None);
        var data = await node.GetStatusAsync(4096, 1 << 20, StatusPrecision.WantZero, CancellationToken.None);

        const BlockStatusFlags known = BlockStatusFlags.OffsetValid | BlockStatusFlags.Allocated;
        Assert.Equal(new BlockStatus(4096, known | BlockStatusFlags.Zero), hole);
        Assert.Equal(new BlockStatus(8192, known | BlockStatusFlags.Data, 4096), data);
    }

    [Fact]
    public async Task Without_a_context_everything_is_data()
    {
        await using var server = new MemoryServer(1 << 20) { Habits = { Context = null } }.Start();
        await using var node = await Client.OpenAsync(server);

        var status = await node.GetStatusAsync(0, 1 << 20, StatusPrecision.WantZero, CancellationToken.None);

        Assert.Equal(1 << 20, status.Bytes);
        Assert.True(status.Flags.HasFlag(BlockStatusFlags.Data));
    }

    [Fact]
    public async Task What_lies_behind_an_odd_end_reads_as_zeroes_and_takes_no_data()
    {
        await using var server = new MemoryServer(1000) { Habits = { BlockSizes = null } }.Start();
        server.Disk.AsSpan().Fill(7);
        await using var node = await Client.OpenAsync(server);

        Assert.Equal(1024, node.Profile.Length);
        var all = await node.ReadAsync(0, 1024);
        Assert.Equal([.. Enumerable.Repeat((byte)7, 1000), .. new byte[24]], all);
        await node.WriteAsync(512, new byte[512]);
        Assert.Equal(new byte[488], server.Disk[512..]);
        var error = await Assert.ThrowsAsync<BlockException>(async () => await node.WriteAsync(512, [.. new byte[511], 1]));
        Assert.Equal(BlockErrorKind.NoSpace, error.Kind);
    }

    [Theory]
    [InlineData(NbdError.NoSpace, Errno.ENOSPC, BlockErrorKind.NoSpace)]
    [InlineData(NbdError.NotPermitted, Errno.EPERM, BlockErrorKind.PermissionDenied)]
    [InlineData(NbdError.NotSupported, Errno.ENOTSUP, BlockErrorKind.NotSupported)]
    [InlineData((NbdError)77, Errno.EINVAL, BlockErrorKind.InvalidArgument)]
    public async Task An_error_is_the_requests_alone(NbdError wire, int errno, BlockErrorKind kind)
    {
        await using var server = new MemoryServer(1 << 20).Start();
        server.Habits.AnswersRequest = request =>
            request.Command == NbdCommand.Write ? ServerRequests.Error(request, wire, "because") : null;
        await using var node = await Client.OpenAsync(server);

        var error = await Assert.ThrowsAsync<BlockException>(async () => await node.WriteAsync(0, new byte[512]));

        Assert.Equal((errno, kind), (error.Errno, error.Kind));
        Assert.Contains("because", error.Message, StringComparison.Ordinal);
        Assert.Equal(new byte[512], await node.ReadAsync(0, 512));
        Assert.Equal(1, server.Connections);
    }
}
