// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Block.Rbd.Tests.Cluster;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Rbd.Tests.RealCluster;

/// <summary>A disk that is an image of a Ceph cluster.</summary>
[Collection(CephCollection.Name)]
public sealed class DiskTests(CephCluster ceph)
{
    private const int MiB = 1 << 20;

    [SkippableFact]
    public async Task It_is_read_in_one_go_and_in_pieces()
    {
        ceph.Require();
        var (image, content) = (ceph.NewName(), Client.Noise(9 * MiB));
        ceph.Import(image, content);
        await using var node = await Client.OpenAsync(ceph.Options(image), readOnly: true);

        Assert.Equal(content.Length, node.Profile.Length);
        Assert.Equal(content[..(2 * MiB)], await node.ReadAsync(0, 2 * MiB));
        Assert.Equal(content[4_194_000..4_200_000], await node.ReadAsync(4_194_000, 6000));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Many_at_once_read_and_write_what_is_theirs(bool direct)
    {
        var image = ceph.NewImage("8M");
        var expected = new byte[8 * MiB];
        await using (var node = await Client.OpenAsync(ceph.Options(image), direct: direct))
        {
            await Task.WhenAll(Enumerable.Range(0, 128).Select(async i =>
            {
                var (offset, data) = (i * 60_000, Client.Noise(30_000 + i));
                data.CopyTo(expected, offset);
                await node.WriteAsync(offset, data);
                Assert.Equal(data, await node.ReadAsync(offset, data.Length));
            }));
            await node.FlushAsync();
        }

        Assert.Equal(expected, ceph.Export(image));
    }

    [SkippableFact]
    public async Task Requests_over_several_pieces_of_memory_are_whole()
    {
        var image = ceph.NewImage("4M");
        await using var node = await Client.OpenAsync(ceph.Options(image));
        var data = Client.Noise(10_000);
        var (source, target, read) = (new IoVector(), new IoVector(), new byte[10_000]);
        foreach (var (at, bytes) in new[] { (0, 1), (1, 5000), (5001, 4999) })
        {
            source.Add(data.AsMemory(at, bytes));
            target.Add(read.AsMemory(at, bytes));
        }

        await node.WriteAsync(777, source, WriteFlags.None, default);
        await node.ReadAsync(777, target, ReadFlags.None, default);

        Assert.Equal(data, read);
    }

    [SkippableFact]
    public async Task It_grows_by_writes_behind_its_end_and_changes_its_size_both_ways()
    {
        var image = ceph.NewImage("1M");
        var data = Client.Noise(1000);
        await using (var node = await Client.OpenAsync(ceph.Options(image)))
        {
            var resizable = Assert.IsAssignableFrom<IResizable>(node);
            await node.WriteAsync(3 * MiB, data);
            Assert.Equal((3 * MiB) + 1024, node.Profile.Length);
            Assert.Equal(data.Concat(new byte[24]), await node.ReadAsync(3 * MiB, 1024));
            await node.WriteZeroesAsync(5 * MiB, MiB, ZeroFlags.MayUnmap);
            Assert.Equal(6 * MiB, node.Profile.Length);
            await resizable.ResizeAsync(2 * MiB, default, default);
            await resizable.ResizeAsync(4 * MiB, default, default);
            await node.FlushAsync();
        }

        Assert.Equal(new byte[4 * MiB], ceph.Export(image));
    }

    [SkippableFact]
    public async Task Writes_that_grow_it_at_once_all_have_their_place()
    {
        var image = ceph.NewImage("1M");
        await using var node = await Client.OpenAsync(ceph.Options(image));

        await Task.WhenAll(Enumerable.Range(1, 8).Select(i => node.WriteAsync(i * MiB, Client.Noise(4096 + i))));

        foreach (var i in Enumerable.Range(1, 8))
            Assert.Equal(Client.Noise(4096 + i), await node.ReadAsync(i * MiB, 4096 + i));
    }

    [SkippableFact]
    public async Task Zeroes_that_may_be_unmapped_take_no_space_and_others_do()
    {
        var image = ceph.NewImage("16M");
        await using var node = await Client.OpenAsync(ceph.Options(image));
        await node.WriteAsync(0, Client.Noise(MiB));
        await node.WriteAsync(8 * MiB, Client.Noise(MiB));

        await node.WriteZeroesAsync(0, 4 * MiB, ZeroFlags.MayUnmap);
        await node.WriteZeroesAsync(12 * MiB, 4 * MiB, ZeroFlags.None);
        await node.FlushAsync();

        Assert.Equal("Z8 D8", await node.MapAsync());
        Assert.Equal(new byte[MiB], await node.ReadAsync(0, MiB));
        var error = await Assert.ThrowsAsync<BlockException>(() => node.WriteZeroesAsync(0, MiB, ZeroFlags.NoFallback));
        Assert.Equal(BlockErrorKind.NotSupported, error.Kind);
    }

    [SkippableFact]
    public async Task What_is_discarded_is_given_back()
    {
        var image = ceph.NewImage("16M");
        await using var node = await Client.OpenAsync(ceph.Options(image));
        await node.WriteAsync(4 * MiB, Client.Noise(2 * MiB));
        Assert.Equal("Z4 D4 Z8", await node.MapAsync());

        await node.DiscardAsync(4 * MiB, 4 * MiB, default);
        await node.FlushAsync();

        Assert.Equal("Z16", await node.MapAsync());
    }

    [SkippableFact]
    public async Task Without_an_object_map_all_is_data()
    {
        var image = ceph.NewImage("8M", "--image-feature", "layering");
        await using var node = await Client.OpenAsync(ceph.Options(image));

        Assert.Equal("D8", await node.MapAsync());
    }

    /// <summary>librbd 16 shows holes of a clone that its parent has data in.</summary>
    [SkippableFact]
    public async Task A_clone_shows_what_its_parent_has()
    {
        var (parent, clone) = (ceph.NewImage("8M"), ceph.NewName());
        await using (var node = await Client.OpenAsync(ceph.Options(parent)))
            await node.WriteAsync(0, Client.Noise(5000));
        ceph.Rbd("snap", "create", "--no-progress", $"{parent}@base");
        ceph.Rbd("snap", "protect", $"{parent}@base");
        ceph.Rbd("clone", $"{parent}@base", clone);

        await using var cloned = await Client.OpenAsync(ceph.Options(clone));

        Assert.StartsWith("D", await cloned.MapAsync());
        Assert.Equal(Client.Noise(5000), await cloned.ReadAsync(0, 5000));
    }

    [SkippableFact]
    public async Task Sizes_that_are_no_whole_sectors_are_rounded_up_and_read_as_zeroes_behind_the_end()
    {
        ceph.Require();
        var (image, content) = (ceph.NewName(), Client.Noise(5000));
        ceph.Import(image, content);
        await using var node = await Client.OpenAsync(ceph.Options(image));

        Assert.Equal(5120, node.Profile.Length);
        Assert.Equal(content.Concat(new byte[120]), await node.ReadAsync(0, 5120));
        Assert.Equal("D0", await node.MapAsync());
        await node.DiscardAsync(4608, 512, default);
    }

    [SkippableFact]
    public async Task A_node_for_reading_becomes_one_for_writing()
    {
        var image = ceph.NewImage("1M");
        var options = ceph.Options(image);
        await using var node = await Client.OpenAsync(options, readOnly: true);
        Assert.False(node.Profile.Writable);

        var step = await ((IReopenable)node).PrepareReopenAsync(new TestNodeContext(new TestPluginHost()), options, default);
        step.Commit();
        await node.WriteAsync(0, new byte[512]);

        Assert.True(node.Profile.Writable);
    }

    [SkippableFact]
    public async Task Another_client_takes_the_lock_over_when_it_writes()
    {
        var image = ceph.NewImage("1M");
        await using var one = await Client.OpenAsync(ceph.Options(image));
        await using var other = await Client.OpenAsync(ceph.Options(image));

        for (byte round = 1; round < 4; round++)
        {
            var writer = round % 2 == 0 ? one : other;
            var data = Enumerable.Repeat(round, 4096).ToArray();
            await writer.WriteAsync(0, data);
            await writer.FlushAsync();
            await ((IInactivatable)(writer == one ? other : one)).ActivateAsync(default);
            Assert.Equal(data, await (writer == one ? other : one).ReadAsync(0, 4096));
        }
    }
}
