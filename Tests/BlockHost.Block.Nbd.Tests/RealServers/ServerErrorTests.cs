// SPDX-License-Identifier: MIT
using BlockHost.Block.Nbd.Tests.Fakes;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Nbd.Tests.RealServers;

/// <summary>Errors that servers answer with arrive as themselves, on every kind of request, and hurt no other.</summary>
public sealed class ServerErrorTests
{
    public static TheoryData<string, int, BlockErrorKind> Errors => new()
    {
        { "EIO", Errno.EIO, BlockErrorKind.Io },
        { "ENOSPC", Errno.ENOSPC, BlockErrorKind.NoSpace },
        { "ENOMEM", Errno.ENOMEM, BlockErrorKind.Io },
        { "EPERM", Errno.EPERM, BlockErrorKind.PermissionDenied },
    };

    [SkippableTheory]
    [MemberData(nameof(Errors))]
    public async Task An_error_arrives_as_itself(string name, int errno, BlockErrorKind kind)
    {
        await using var server = await ServerProgram.RunAsync(
            "nbdkit",
            tcp: false,
            it => ["--filter=error", "memory", "1M", $"error={name}", "error-rate=100%", $"error-file={it["trigger"]}"]);
        await using var node = await server.OpenAsync();
        await File.WriteAllTextAsync(server["trigger"], "");

        await ExpectAsync(() => node.ReadAsync(0, 512));
        await ExpectAsync(() => node.WriteAsync(0, new byte[512]).AsTask());
        await ExpectAsync(() => node.WriteZeroesAsync(0, 4096, ZeroFlags.MayUnmap, CancellationToken.None).AsTask());
        await ExpectAsync(() => node.DiscardAsync(0, 4096, CancellationToken.None).AsTask());
        await ExpectAsync(async () => await node.GetStatusAsync(0, 4096, StatusPrecision.WantZero, CancellationToken.None));

        File.Delete(server["trigger"]);
        Assert.Equal(new byte[512], await node.ReadAsync(0, 512));

        async Task ExpectAsync(Func<Task> request)
        {
            var error = await Assert.ThrowsAsync<BlockException>(request);
            Assert.Equal((errno, kind), (error.Errno, error.Kind));
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Errors))]
    public async Task So_does_that_of_a_flush(string name, int errno, BlockErrorKind kind)
    {
        await using var server = await ServerProgram.NbdkitAsync(
            "eval", "get_size=echo 1M", "pread=exit 1", "pwrite=exit 1", "can_flush=exit 0", $"flush=echo {name} no >&2; exit 1");
        await using var node = await server.OpenAsync();

        var error = await Assert.ThrowsAsync<BlockException>(() => node.FlushAsync(CancellationToken.None).AsTask());

        Assert.Equal((errno, kind), (error.Errno, error.Kind));
    }

    [SkippableFact]
    public async Task Among_many_requests_each_gets_its_own_answer()
    {
        await using var server = await ServerProgram.NbdkitAsync(
            "eval", "get_size=echo 1M", "thread_model=echo parallel",
            "pread=if [ $4 = 4096 ]; then echo ENOMEM no >&2; exit 1; fi; dd if=/dev/zero count=1 bs=$3 2>/dev/null");
        await using var node = await server.OpenAsync(context: new TestNodeContext(new TestPluginHost()) { ReadOnly = true });

        var reads = Enumerable.Range(0, 8).Select(i => node.ReadAsync(i * 1024, 1024)).ToArray();

        foreach (var (i, read) in reads.Index())
        {
            if (i == 4)
                Assert.Equal(Errno.ENOMEM, (await Assert.ThrowsAsync<BlockException>(() => read)).Errno);
            else
                Assert.Equal(new byte[1024], await read);
        }
    }
}
