// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block.Nbd.Tests.Fakes;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Nbd.Tests.RealServers;

/// <summary>Servers that are killed in the middle of requests, and started again.</summary>
public sealed class LostServerTests
{
    private const int Block = 4096;
    private const int Writers = 24;
    private const int Rounds = 12;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [SkippableTheory]
    [InlineData("nbdkit", false)]
    [InlineData("nbdkit", true)]
    [InlineData("qemu-nbd", false)]
    public async Task Under_reconnect_delay_no_write_is_lost_and_none_comes_late(string program, bool tcp)
    {
        await using var server = await ServerProgram.RunAsync(program, tcp, it => Serve(it, program));
        await using var node = await server.OpenAsync("""{"reconnect-delay": 1000}""");
        var done = 0;

        // Each writer counts up in its own block: a write that is lost, or carried out again after a later one, shows.
        var writing = Task.WhenAll(Enumerable.Range(0, Writers).Select(async writer =>
        {
            for (var round = 1; round <= Rounds; round++)
            {
                await node.WriteAsync(writer * Block, Content(writer, round));
                Assert.Equal(Content(writer, round), await node.ReadAsync(writer * Block, Block));
                Interlocked.Increment(ref done);
            }
        }));
        foreach (var when in new[] { Writers * Rounds / 4, Writers * Rounds / 2 })
        {
            while (Volatile.Read(ref done) < when)
                await Task.Delay(1);
            server.Kill();
            await server.StartAsync(Serving(program));
        }

        await writing.WaitAsync(Patience);
        var disk = await File.ReadAllBytesAsync(server["disk"]);
        for (var writer = 0; writer < Writers; writer++)
            Assert.Equal(Content(writer, Rounds), disk[(writer * Block)..((writer + 1) * Block)]);
    }

    [SkippableFact]
    public async Task A_server_that_stays_away_fails_what_is_in_flight_after_the_delay()
    {
        await using var server = await ServerProgram.NbdkitAsync("--filter=delay", "memory", "1M", "delay-write=3600");
        await using var node = await server.OpenAsync("""{"reconnect-delay": 1}""");
        var writes = Enumerable.Range(0, 100).Select(i => node.WriteAsync(i * 512, new byte[512]).AsTask()).ToArray();

        server.Kill();

        foreach (var write in writes)
            Assert.Equal(Errno.EIO, (await Assert.ThrowsAsync<BlockException>(() => write.WaitAsync(Patience))).Errno);
    }

    [SkippableFact]
    public async Task An_export_that_has_grown_meanwhile_shows_its_new_size()
    {
        await using var server = await ServerProgram.RunAsync("nbdkit", tcp: false, it => Serve(it, "nbdkit"));
        var context = new TestNodeContext(new TestPluginHost());
        await using var node = await server.OpenAsync("""{"reconnect-delay": 1000}""", context);
        server.Kill();
        await File.WriteAllBytesAsync(server["disk"], new byte[2 << 20]);
        await server.StartAsync(Serving("nbdkit"));

        await node.ReadAsync(0, 512).WaitAsync(Patience);

        Assert.Equal((2 << 20, 1), (node.Profile.Length, context.ProfileChanges));
        Assert.Equal(new byte[512], await node.ReadAsync((2 << 20) - 512, 512));
    }

    private static byte[] Content(int writer, int round)
    {
        var block = new byte[Block];
        block.AsSpan().Fill((byte)(writer + round));
        BinaryPrimitives.WriteInt32LittleEndian(block, writer);
        BinaryPrimitives.WriteInt32LittleEndian(block.AsSpan(Block - sizeof(int)), round);
        return block;
    }

    private static string[] Serve(ServerProgram server, string program)
    {
        File.WriteAllBytes(server["disk"], new byte[1 << 20]);
        return Serving(program);
    }

    private static string[] Serving(string program) =>
        program == "nbdkit" ? ["--filter=delay", "file", "disk", "delay-write=2ms"] : ["-f", "raw", "disk"];
}
