// SPDX-License-Identifier: MIT
using System.Diagnostics;
using BlockHost.Block.Nbd.Tests.Fakes;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Nbd.Tests.RealServers;

/// <summary>Servers that take their time.</summary>
public sealed class SlowServerTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    [SkippableFact]
    public async Task Requests_in_flight_at_once_overlap()
    {
        const int count = 16;
        await using var server = await ServerProgram.NbdkitAsync("--filter=delay", "memory", "1M", "delay-read=300ms");
        await using var node = await server.OpenAsync();
        var clock = Stopwatch.StartNew();

        await Task.WhenAll(Enumerable.Range(0, count).Select(i => node.ReadAsync(i * 512, 512)));

        Assert.InRange(clock.ElapsedMilliseconds, 300, count * 300 / 2);
    }

    [SkippableFact]
    public async Task A_fast_request_does_not_wait_for_a_slow_one()
    {
        await using var server = await ServerProgram.NbdkitAsync("--filter=delay", "memory", "1M", "delay-read=3600");
        await using var node = await server.OpenAsync();
        var slow = node.ReadAsync(0, 512);

        await node.WriteAsync(0, new byte[512]).AsTask().WaitAsync(Soon);

        Assert.False(slow.IsCompleted);
        server.Kill();
        Assert.Equal(Errno.EIO, (await Assert.ThrowsAsync<BlockException>(() => slow.WaitAsync(Soon))).Errno);
    }

    [SkippableTheory]
    [InlineData("delay-read=3600", 0)]
    [InlineData("delay-write=3600", 1)]
    public async Task A_yank_in_the_middle_of_requests_answers_them_at_once(string delay, int slow)
    {
        await using var server = await ServerProgram.NbdkitAsync("--filter=delay", "memory", "64M", delay);
        var host = new TestPluginHost();
        await using var node = await server.OpenAsync(context: new TestNodeContext(host));
        var requests = Enumerable.Range(0, 80).Select(
            i => i % 2 == 0 ? node.ReadAsync(i << 16, 65536) : node.WriteAsync(i << 16, new byte[65536]).AsTask()).ToArray();
        await Task.Delay(20);

        host.Yank.YankAll();

        // Of the others, some were answered before.
        foreach (var request in requests.Where((_, i) => i % 2 == slow))
            Assert.Equal(
                (Errno.EIO, BlockErrorKind.Yanked),
                ErrorOf(await Assert.ThrowsAsync<BlockException>(() => request.WaitAsync(Soon))));
        await Task.WhenAll(requests).WaitAsync(Soon).ContinueWith(_ => { });
        Assert.All(
            requests.Where(request => !request.IsCompletedSuccessfully),
            request => Assert.IsType<BlockException>(request.Exception!.InnerException));
    }

    [SkippableFact]
    public async Task A_handshake_that_hangs_is_given_up_after_the_open_timeout()
    {
        await using var server = await ServerProgram.NbdkitAsync("--filter=delay", "memory", "1M", "delay-open=3600");

        var error = await Assert.ThrowsAsync<BlockException>(() => server.OpenAsync("""{"open-timeout": 1}""").WaitAsync(Soon));

        Assert.Equal("Connection attempt cancelled by timeout", error.Message);
    }

    [SkippableFact]
    public async Task A_yank_ends_a_handshake_that_hangs()
    {
        await using var server = await ServerProgram.NbdkitAsync("--filter=delay", "memory", "1M", "delay-open=3600");
        var host = new TestPluginHost();
        var opening = server.OpenAsync(context: new TestNodeContext(host));
        await Task.Delay(20);

        host.Yank.YankAll();

        Assert.Equal(
            (Errno.EIO, BlockErrorKind.Yanked), ErrorOf(await Assert.ThrowsAsync<BlockException>(() => opening.WaitAsync(Soon))));
    }

    private static (int Errno, BlockErrorKind Kind) ErrorOf(BlockException error) => (error.Errno, error.Kind);
}
