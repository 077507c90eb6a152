// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Block.Nbd.Tests.Fakes;
using BlockHost.Conformance;
using BlockHost.Conformance.TestHost;
using BlockHost.Nbd;
using BlockHost.Plugins.Block.Nbd;

namespace BlockHost.Block.Nbd.Tests.RealServers;

/// <summary>What other programs offer, and what they leave out.</summary>
public sealed class ServerFeatureTests
{
    private const int Size = 1 << 20;

    [SkippableTheory]
    [InlineData("nbdkit", false)]
    [InlineData("nbdkit", true)]
    [InlineData("qemu-nbd", false)]
    [InlineData("qemu-nbd", true)]
    public async Task What_is_asked_for_is_done_to_the_servers_file(string program, bool tcp)
    {
        await using var server = await ServerProgram.RunAsync(program, tcp, it => Serve(it, program));
        var wanted = new byte[Size];
        new Random(1).NextBytes(wanted);
        await using (var node = await server.OpenAsync())
        {
            Assert.Equal((Size, true), (node.Profile.Length, node.Profile.Writable));
            await Task.WhenAll(
                Enumerable.Range(0, 64).Select(i => node.WriteAsync(i << 14, wanted[(i << 14)..((i + 1) << 14)]).AsTask()));
            await node.WriteZeroesAsync(4096, 8192, ZeroFlags.MayUnmap, CancellationToken.None);
            await node.DiscardAsync(65536, 4096, CancellationToken.None);
            await node.WriteAsync(65536, new byte[4096], WriteFlags.Fua, CancellationToken.None);
            await node.FlushAsync(CancellationToken.None);
            wanted.AsSpan(4096, 8192).Clear();
            wanted.AsSpan(65536, 4096).Clear();

            Assert.Equal(wanted, await node.ReadAsync(0, Size));
        }

        Assert.Equal(wanted, await File.ReadAllBytesAsync(server["disk"]));
    }

    [SkippableTheory]
    [InlineData("--filter=nozero", "memory", "1M")]
    [InlineData("--filter=noextents", "memory", "1M")]
    [InlineData("--no-sr", "memory", "1M")]
    [InlineData(
        "--filter=blocksize-policy",
        "memory",
        "1M",
        "blocksize-error-policy=error",
        "blocksize-minimum=4096",
        "blocksize-preferred=64K",
        "blocksize-maximum=128K")]
    public async Task The_driver_is_sound_whatever_is_missing(params string[] nbdkit)
    {
        // The kit's images are new each time: so is the server.
        var report = await ConformanceSuite.RunAsync(
            new BlockDriverSubject
            {
                Name = $"nbd, {string.Join(' ', nbdkit)}",
                Driver = new NbdDriver(),
                Resizable = false,
                PowerCut = false,
                CreateImage = async _ =>
                {
                    var server = await ServerProgram.NbdkitAsync(nbdkit);
                    return new SubjectImage { Options = server.Options(), Length = Size, Cleanup = server.DisposeAsync };
                },
            },
            new ConformanceOptions { Sequences = 1 });

        Assert.True(report.Passed, report.ToString());
    }

    [SkippableFact]
    public async Task A_profile_is_what_nbdkit_offers()
    {
        await using var server = await ServerProgram.NbdkitAsync(
            "--filter=blocksize-policy",
            "--filter=nozero",
            "memory",
            "1M",
            "blocksize-minimum=4096",
            "blocksize-preferred=64K",
            "blocksize-maximum=128K");
        await using var node = await server.OpenAsync();

        var limits = node.Profile.Limits;

        Assert.Equal((4096, 65536L, 131072L), (limits.RequestAlignment, limits.OptimalTransfer, limits.MaxTransfer));
        Assert.Equal(
            (Support.Emulate, Support.Native, Support.Native),
            (node.Profile.WriteZeroes, node.Profile.Fua, node.Profile.Discard));
    }

    [SkippableTheory]
    [InlineData("memory")]
    [InlineData("--filter=noextents")]
    public async Task Holes_show_where_the_server_tells_them(string first)
    {
        string[] arguments = first == "memory" ? ["memory", "1M"] : [first, "memory", "1M"];
        await using var server = await ServerProgram.NbdkitAsync(arguments);
        await using var node = await server.OpenAsync();

        var status = await node.GetStatusAsync(0, Size, StatusPrecision.WantZero, CancellationToken.None);

        Assert.Equal((Size, first == "memory"), (status.Bytes, status.Flags.HasFlag(BlockStatusFlags.Zero)));
    }

    [SkippableTheory]
    [InlineData("nbdkit")]
    [InlineData("qemu-nbd")]
    public async Task A_server_that_only_reads_gives_a_node_that_only_reads(string program)
    {
        await using var server = await ServerProgram.RunAsync(program, tcp: false, it => ["-r", .. Serve(it, program)]);

        var refusal = await Assert.ThrowsAsync<BlockException>(() => server.OpenAsync());
        await using var node = await server.OpenAsync(context: new TestNodeContext(new TestPluginHost()) { AutoReadOnly = true });

        Assert.Equal((BlockErrorKind.ReadOnly, "Could not open image: Permission denied"), (refusal.Kind, refusal.Message));
        Assert.False(node.Profile.Writable);
        Assert.Equal(new byte[512], await node.ReadAsync(0, 512));
    }

    [SkippableTheory]
    [InlineData("nbdkit")]
    [InlineData("qemu-nbd")]
    public async Task An_export_that_there_is_not_is_refused(string program)
    {
        await using var server = await ServerProgram.RunAsync(program, tcp: false, it => program == "nbdkit"
            ? ["--filter=exportname", "memory", "1M", "exportname-strict=true", "exportname=disk"]
            : ["-x", "disk", .. Serve(it, program)]);
        await using (await server.OpenAsync("""{"export": "disk"}"""))
        {
        }

        var refusal = await Assert.ThrowsAsync<BlockException>(() => server.OpenAsync("""{"export": "nope"}"""));

        Assert.Equal((BlockErrorKind.NotFound, "Requested export not available"), (refusal.Kind, refusal.Message));
    }

    [SkippableFact]
    public async Task Exports_are_listed()
    {
        await using var server = await ServerProgram.NbdkitAsync(
            "--filter=exportname",
            "memory",
            "1M",
            "exportname-list=explicit",
            "exportname=a",
            "exportname=b",
            "exportdesc=fixed:words");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(server.SocketPath));
        var handshake = new NbdHandshake(new NetworkStream(socket));
        await handshake.GreetAsync(CancellationToken.None);

        var exports = await handshake.ListAsync(CancellationToken.None);

        Assert.Equal(["a", "b"], exports!.Select(export => export.Name));
    }

    [SkippableTheory]
    [InlineData("nbdkit")]
    [InlineData("qemu-nbd")]
    public async Task Of_a_size_with_half_a_sector_all_bytes_are_there(string program)
    {
        await using var server = await ServerProgram.RunAsync(program, tcp: false, it => Serve(it, program, size: 1000));
        await using var node = await server.OpenAsync();
        byte[] written = [.. Enumerable.Repeat((byte)7, 488), .. new byte[24]];

        await node.WriteAsync(512, written);

        Assert.Equal(1024, node.Profile.Length);
        var all = await node.ReadAsync(0, 1024);
        Assert.Equal([.. new byte[512], .. written], all);
    }

    [SkippableFact]
    public async Task The_server_hears_of_each_flush_and_each_fua()
    {
        await using var server = await ServerProgram.RunAsync(
            "nbdkit", tcp: false, it => ["--filter=log", "memory", "1M", $"logfile={it["log"]}"]);
        await using (var node = await server.OpenAsync())
        {
            await node.WriteAsync(0, new byte[512]);
            await node.WriteAsync(512, new byte[512], WriteFlags.Fua, CancellationToken.None);
            await node.WriteZeroesAsync(4096, 4096, ZeroFlags.MayUnmap | ZeroFlags.Fua, CancellationToken.None);
            await node.FlushAsync(CancellationToken.None);
        }

        var log = await File.ReadAllLinesAsync(server["log"]);

        Assert.Equal(
            [
                "Write offset=0x0 count=0x200 fua=0", "Write offset=0x200 count=0x200 fua=1",
                "Zero offset=0x1000 count=0x1000 trim=1 fua=1", "Flush"],
            log.Where(
                line =>
                    line.Contains("Write") || line.Contains("Zero") || line.Contains("Flush")).Where(line =>
                        !line.Contains("return")).Select(Request));
    }

    /// <summary>A line of the log without when, whose and which.</summary>
    private static string Request(string line)
    {
        var from = new[] { "Write", "Zero", "Flush" }.Max(word => line.IndexOf(word, StringComparison.Ordinal));
        var words = line[from..].Split(' ').Where(
            word => !word.StartsWith("id=", StringComparison.Ordinal) && !word.StartsWith("fast=", StringComparison.Ordinal));
        return string.Join(' ', words.TakeWhile(word => word != "...")).TrimEnd('.', ' ');
    }

    private static string[] Serve(ServerProgram server, string program, int size = Size)
    {
        File.WriteAllBytes(server["disk"], new byte[size]);
        return program == "nbdkit" ? ["file", "disk"] : ["-f", "raw", "disk"];
    }
}
