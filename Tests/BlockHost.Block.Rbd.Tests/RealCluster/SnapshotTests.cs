// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Block.Rbd.Tests.Cluster;

namespace BlockHost.Block.Rbd.Tests.RealCluster;

/// <summary>Snapshots, which are Ceph's own.</summary>
[Collection(CephCollection.Name)]
public sealed class SnapshotTests(CephCluster ceph)
{
    private static readonly byte[] First = Client.Noise(10_000);
    private static readonly byte[] Second = Client.Noise(20_000);

    [SkippableFact]
    public async Task A_snapshot_is_made_read_applied_and_deleted()
    {
        var image = ceph.NewImage("8M");
        await using var node = await Client.OpenAsync(ceph.Options(image));
        var store = Assert.IsAssignableFrom<ISnapshotStore>(node);
        await node.WriteAsync(0, First);
        await node.FlushAsync();

        var made = await store.CreateAsync(Named("one"), default);
        await node.WriteAsync(0, Second);
        await node.FlushAsync();

        Assert.Equal("one", made.Id);
        var listed = Assert.Single(await store.ListAsync(default));
        Assert.Equal(("one", "one", 8 << 20), (listed.Id, listed.Name, listed.VmStateSize));
        Assert.Contains("one", ceph.Rbd("snap", "ls", image));
        await using (var then = await Client.OpenAsync(ceph.Options(image, """{"snapshot": "one"}"""), readOnly: true))
            Assert.Equal(First, await then.ReadAsync(0, First.Length));
        await store.ApplyAsync("one", default);
        Assert.Equal(First.Concat(new byte[10_000]), await node.ReadAsync(0, Second.Length));
        await store.DeleteAsync("one", "one", default);
        Assert.Empty(await store.ListAsync(default));
    }

    [SkippableFact]
    public async Task Applying_one_brings_the_size_of_then_back()
    {
        var image = ceph.NewImage("2M");
        await using var node = await Client.OpenAsync(ceph.Options(image));
        var store = (ISnapshotStore)node;
        await store.CreateAsync(Named("small"), default);
        await ((IResizable)node).ResizeAsync(8 << 20, default, default);

        await store.ApplyAsync("small", default);

        Assert.Equal(2 << 20, node.Profile.Length);
    }

    [SkippableFact]
    public async Task A_node_for_reading_shows_a_snapshot_until_it_is_closed()
    {
        var image = ceph.NewImage("1M");
        await using (var node = await Client.OpenAsync(ceph.Options(image)))
        {
            await node.WriteAsync(0, First);
            await node.FlushAsync();
            await ((ISnapshotStore)node).CreateAsync(Named("one"), default);
            await ((IResizable)node).ResizeAsync(2 << 20, default, default);
            await node.WriteAsync(0, Second);
            await node.WriteAsync(1 << 20, Second);
            await node.FlushAsync();
        }

        await using var reader = await Client.OpenAsync(ceph.Options(image), readOnly: true);
        await ((ISnapshotStore)reader).ShowAsync("one", default);

        Assert.Equal(First, await reader.ReadAsync(0, First.Length));
        Assert.Equal(new byte[1000], await reader.ReadAsync(1 << 20, 1000));
    }

    [SkippableFact]
    public async Task What_is_no_name_and_what_is_not_there_are_refused()
    {
        var image = ceph.NewImage("1M");
        await using var node = await Client.OpenAsync(ceph.Options(image));
        var store = (ISnapshotStore)node;
        await store.CreateAsync(Named("one"), default);
        async Task Fails(int errno, string message, Func<Task> action)
        {
            var error = await Assert.ThrowsAsync<BlockException>(action);
            Assert.Equal((errno, message), (error.Errno, error.Message));
        }

        await Fails(
            Errno.EEXIST, "failed to create snap: File exists", async () => await store.CreateAsync(Named("one"), default));
        await Fails(
            Errno.EINVAL, "A snapshot has a name, and no other id", async () => await store.CreateAsync(Named(""), default));
        await Fails(
            Errno.EINVAL, "A snapshot has a name, and no other id",
            async () => await store.CreateAsync(Named("two") with { Id = "2" }, default));
        await Fails(
            Errno.ERANGE, "A snapshot's name has at most 127 bytes",
            async () => await store.CreateAsync(Named(new string('x', 128)), default));
        await Fails(
            Errno.ENOENT, "Failed to load snapshot: No such file or directory",
            async () => await store.ApplyAsync("two", default));
        await Fails(
            Errno.ENOENT, "Failed to remove the snapshot: No such file or directory",
            async () => await store.DeleteAsync("two", "two", default));
        await Fails(
            Errno.EINVAL, "rbd need a valid snapshot name", async () => await store.DeleteAsync("one", null, default));
        await Fails(
            Errno.EINVAL, "rbd do not support snapshot id, it should be NULL or equal to snapshot name",
            async () => await store.DeleteAsync("1", "one", default));
    }

    [SkippableFact]
    public async Task Many_are_listed()
    {
        var image = ceph.NewImage("1M");
        await using var node = await Client.OpenAsync(ceph.Options(image));
        var store = (ISnapshotStore)node;
        for (var i = 0; i < 20; i++)
            await store.CreateAsync(Named($"s{i}"), default);

        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"s{i}"), (await store.ListAsync(default)).Select(one => one.Name));
    }

    private static SnapshotRecord Named(string name) => new("", name, 0, DateTimeOffset.UnixEpoch, TimeSpan.Zero);
}
