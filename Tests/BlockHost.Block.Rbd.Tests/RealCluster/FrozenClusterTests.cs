// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Block.Rbd.Tests.Cluster;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Rbd.Tests.RealCluster;

/// <summary>A cluster that answers nothing any more: nobody waits for it for ever, and nobody's memory is touched late.</summary>
[Collection(CephCollection.Name)]
public sealed class FrozenClusterTests(CephCluster ceph)
{
    [SkippableFact]
    public async Task A_yank_lets_go_at_once_of_what_waits_and_its_memory_is_its_owners_again()
    {
        var image = ceph.NewImage("8M");
        var host = new TestPluginHost();
        var node = await Client.OpenAsync(ceph.Options(image), host, direct: true);
        await node.WriteAsync(0, Enumerable.Repeat((byte)7, 65536).ToArray());
        var (target, source) = (new byte[65536], Enumerable.Repeat((byte)9, 65536).ToArray());
        ceph.Freeze();
        var requests = new List<Task>
        {
            node.ReadAsync(0, target, ReadFlags.None, default).AsTask(),
            node.WriteAsync(1 << 20, source),
            node.FlushAsync(),
            ((ISnapshotStore)node).CreateAsync(new("", "s", 0, DateTimeOffset.UnixEpoch, TimeSpan.Zero), default).AsTask(),
        };
        Assert.DoesNotContain(requests, request => request.IsCompleted);

        host.Yank.YankAll();
        foreach (var request in requests)
        {
            var error = await Assert.ThrowsAsync<BlockException>(() => request.WaitAsync(Client.Soon));
            Assert.Equal(BlockErrorKind.Yanked, error.Kind);
        }

        Array.Fill(target, (byte)1);
        Array.Fill(source, (byte)1);
        Assert.NotEqual(0, host.Memory.Used);
        await node.DisposeAsync().AsTask().WaitAsync(Client.Soon);

        ceph.Thaw();
        for (var clock = System.Diagnostics.Stopwatch.StartNew(); host.Memory.Used > 0 && clock.Elapsed < Client.Soon;)
            await Task.Delay(5);
        Assert.Equal(0, host.Memory.Used);
        Assert.All(target, value => Assert.Equal(1, value));
        // What was written is what was asked for, or nothing: never what the memory had later.
        await using var after = await Client.OpenAsync(ceph.Options(image), readOnly: true);
        Assert.DoesNotContain((byte)1, await after.ReadAsync(1 << 20, 65536));
    }

    [SkippableFact]
    public async Task A_request_fails_when_its_time_is_over_and_the_disk_goes_on_when_the_cluster_does()
    {
        var image = ceph.NewImage("8M");
        var host = new TestPluginHost { Clock = new FastClock() };
        await using var node = await Client.OpenAsync(ceph.Options(image, """{"x-blockhost-timeout": 20}"""), host, direct: true);
        await node.WriteAsync(0, Client.Noise(512));

        ceph.Freeze();
        try
        {
            foreach (var request in new[] { node.ReadAsync(0, 512), (Task)node.WriteAsync(4096, Client.Noise(512)) })
            {
                var error = await Assert.ThrowsAsync<BlockException>(() => request.WaitAsync(Client.Soon));
                Assert.Equal(
                    (Errno.ETIMEDOUT, "Ceph has not answered for 20 seconds"), (error.Errno, error.Message));
            }
        }
        finally
        {
            ceph.Thaw();
        }

        await node.WriteAsync(4096, Client.Noise(1024));
        await node.FlushAsync();
        Assert.Equal(Client.Noise(512), await node.ReadAsync(0, 512));
        Assert.Equal(Client.Noise(1024), await node.ReadAsync(4096, 1024));
    }

    [SkippableFact]
    public async Task Opening_ends_by_itself()
    {
        var image = ceph.NewImage("1M");
        var host = new TestPluginHost { Clock = new FastClock() };
        ceph.Freeze();
        try
        {
            var error = await Client.OpenErrorAsync(ceph.Options(image, """{"x-blockhost-timeout": 20}"""), host);

            Assert.Equal("error connecting: Operation timed out after 20000 milliseconds", error.Message);
            Assert.Equal(0, host.Yank.Count);
        }
        finally
        {
            ceph.Thaw();
        }
    }

    [SkippableFact]
    public async Task A_yank_ends_opening_at_once()
    {
        var image = ceph.NewImage("1M");
        var host = new TestPluginHost();
        ceph.Freeze();
        try
        {
            var opening = Client.OpenAsync(ceph.Options(image), host);
            for (var clock = System.Diagnostics.Stopwatch.StartNew(); host.Yank.Count == 0 && clock.Elapsed < Client.Soon;)
                await Task.Delay(5);

            host.Yank.YankAll();

            var error = await Assert.ThrowsAsync<BlockException>(() => opening.WaitAsync(Client.Soon));
            Assert.Equal(BlockErrorKind.Yanked, error.Kind);
            Assert.Equal(0, host.Yank.Count);
        }
        finally
        {
            ceph.Thaw();
        }
    }

    [SkippableFact]
    public async Task Making_an_image_ends_by_itself()
    {
        ceph.Require();
        var host = new TestPluginHost { Clock = new FastClock() };
        ceph.Freeze();
        try
        {
            var location = ceph.Options(ceph.NewName(), """{"x-blockhost-timeout": 20}""");

            var error = await Assert.ThrowsAsync<BlockException>(
                () => Client.CreateAsync($$"""{"location": {{location}}, "size": 1048576}""", host));

            Assert.Equal("Ceph has not answered for 20 seconds", error.Message);
        }
        finally
        {
            ceph.Thaw();
        }
    }

    [SkippableFact]
    public async Task A_monitor_that_is_not_there_ends_opening()
    {
        ceph.Require();
        var host = new TestPluginHost { Clock = new FastClock() };
        var options = ceph.Options(
            "any", """{"conf": "/dev/null", "server": [{"host": "127.0.0.1", "port": "1"}], "x-blockhost-timeout": 10}""");

        var error = await Client.OpenErrorAsync(options, host);

        Assert.StartsWith("error connecting: ", error.Message);
    }
}
