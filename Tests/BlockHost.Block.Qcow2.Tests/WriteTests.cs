// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>What is written is read back, the rest stays, and the image stays sound.</summary>
public sealed class WriteTests
{
    private const int Cluster = 65536;

    [Fact]
    public async Task A_new_image_reads_as_zeroes_and_is_sound()
    {
        await using var disk = await TestDisk.NewAsync(10 << 20);
        Assert.Equal(10 << 20, disk.Length);
        Assert.All(await disk.ReadAsync(12345, 200_000), b => Assert.Equal(0, b));
        await disk.AssertSoundAsync();
    }

    [Fact]
    public async Task A_partial_write_leaves_the_rest_of_its_clusters_zero()
    {
        await using var disk = await TestDisk.NewAsync(10 << 20);
        await disk.WriteAsync(Cluster + 1000, 100_000, 0xAB);
        var expected = new byte[4 * Cluster];
        expected.AsSpan(Cluster + 1000, 100_000).Fill(0xAB);
        Assert.Equal(expected, await disk.ReadAsync(0, expected.Length));
        await disk.AssertSoundAsync();
    }

    [Fact]
    public async Task A_reused_cluster_does_not_show_its_old_content()
    {
        await using var disk = await TestDisk.NewAsync(10 << 20);
        await disk.WriteAsync(0, 4 * Cluster, 0x11);
        await disk.Node.DiscardAsync(0, 4 * Cluster, default);
        await disk.FlushAsync();
        var length = disk.Storage.Length;
        await disk.WriteAsync((5 * Cluster) + 512, 512, 0x22);
        Assert.Equal(length, disk.Storage.Length);
        var cluster = await disk.ReadAsync(5 * Cluster, Cluster);
        Assert.Equal(512, cluster.Count(b => b == 0x22));
        Assert.Equal(Cluster - 512, cluster.Count(b => b == 0));
        await disk.AssertSoundAsync();
    }

    [Fact]
    public async Task A_write_over_a_backing_file_copies_what_it_does_not_cover()
    {
        var backing = new MemoryChild(new MemoryImage(TestDisk.Filled(100_000, 0x77)), "backing") { ReadOnly = true };
        await using var disk = await TestDisk.OpenAsync(await TestDisk.CreateAsync(4 * Cluster), backing: backing);
        await disk.WriteAsync(10, 20, 0x33);
        await disk.WriteAsync(99_990, 20, 0x44);
        var expected = new byte[4 * Cluster];
        expected.AsSpan(0, 100_000).Fill(0x77);
        expected.AsSpan(10, 20).Fill(0x33);
        expected.AsSpan(99_990, 20).Fill(0x44);
        Assert.Equal(expected, await disk.ReadAsync(0, expected.Length));
        await disk.AssertSoundAsync();
    }

    [Fact]
    public async Task Copied_surroundings_and_data_reach_the_file_in_one_write()
    {
        var backing = new MemoryChild(new MemoryImage(TestDisk.Filled(Cluster, 0x77)), "backing") { ReadOnly = true };
        RecordingChild? recorder = null;
        await using var disk = await TestDisk.OpenAsync(
            await TestDisk.CreateAsync(4 * Cluster), backing: backing, wrap: inner => recorder = new RecordingChild(inner));
        await disk.WriteAsync(2 * Cluster, Cluster, 1);
        recorder!.Clear();
        await disk.WriteAsync(1000, 512, 0x33);
        var write = Assert.Single(recorder.Operations, o => o.IsWrite);
        Assert.Equal(Cluster, write.Bytes);
    }

    [Fact]
    public async Task Overwriting_an_allocated_cluster_touches_only_its_data()
    {
        RecordingChild? recorder = null;
        await using var disk = await TestDisk.OpenAsync(
            await TestDisk.CreateAsync(10 << 20), wrap: inner => recorder = new RecordingChild(inner));
        await disk.WriteAsync(0, 3 * Cluster, 1);
        await disk.FlushAsync();
        recorder!.Clear();
        await disk.WriteAsync(4096, 2 * Cluster, 2);
        var write = Assert.Single(recorder.Operations);
        Assert.Equal(2 * Cluster, write.Bytes);
    }

    [Fact]
    public async Task What_was_written_is_there_after_reopening()
    {
        var storage = await TestDisk.CreateAsync(10 << 20);
        await using (var disk = await TestDisk.OpenAsync(storage))
            await disk.WriteAsync(3_000_000, 300_000, 0x5A);
        await using var again = await TestDisk.OpenAsync(storage);
        Assert.Equal(TestDisk.Filled(300_000, 0x5A), await again.ReadAsync(3_000_000, 300_000));
        await again.AssertSoundAsync();
    }

    [Theory]
    [InlineData(512, 1)]
    [InlineData(512, 64)]
    [InlineData(1024, 8)]
    [InlineData(4096, 16)]
    [InlineData(65536, 2)]
    [InlineData(2097152, 32)]
    public async Task Every_geometry_keeps_a_large_random_write(int cluster, int refcountBits)
    {
        var data = new byte[3_000_000];
        new Random(cluster).NextBytes(data);
        var storage = await TestDisk.CreateAsync(
            8 << 20, $$"""{"cluster-size": {{cluster}}, "refcount-bits": {{refcountBits}}}""");
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            await disk.WriteAsync(777, data);
            Assert.Equal(data, await disk.ReadAsync(777, data.Length));
        }
        await using var again = await TestDisk.OpenAsync(storage);
        Assert.Equal(data, await again.ReadAsync(777, data.Length));
        await again.AssertSoundAsync();
    }

    [Fact]
    public async Task Concurrent_writes_to_the_same_cluster_all_arrive()
    {
        await using var disk = await TestDisk.NewAsync(64 << 20);
        var data = new byte[16 << 20];
        new Random(1).NextBytes(data);
        await Parallel.ForAsync(
            0, data.Length / 8192, async (i, _) => await disk.WriteAsync(i * 8192, data[(i * 8192)..((i + 1) * 8192)]));
        Assert.Equal(data, await disk.ReadAsync(0, data.Length));
        await disk.FlushAsync();
        await disk.AssertSoundAsync();
    }

    [Fact]
    public async Task The_scattered_extents_of_one_write_go_out_at_once()
    {
        GatedChild? gate = null;
        await using var disk = await TestDisk.OpenAsync(
            await TestDisk.CreateAsync(10 << 20), wrap: inner => gate = new GatedChild(inner));
        foreach (var cluster in new[] { 2, 0, 3, 1 }) await disk.WriteAsync(cluster * Cluster, Cluster, 1);
        gate!.Shut();
        var write = disk.WriteAsync(100, 4 * Cluster, 2).AsTask();
        await WaitAsync(() => gate.WaitingCount == 5);
        gate.Open();
        await write;
        Assert.Equal(TestDisk.Filled(4 * Cluster, 2), await disk.ReadAsync(100, 4 * Cluster));
        await disk.FlushAsync();
        await disk.AssertSoundAsync();

        static async Task WaitAsync(Func<bool> done)
        {
            for (var i = 0; i < 1000 && !done(); i++) await Task.Delay(5);
            Assert.True(done());
        }
    }

    [Fact]
    public async Task A_write_that_fails_in_some_extents_leaves_a_sound_image()
    {
        FailingChild? failing = null;
        await using var disk = await TestDisk.OpenAsync(
            await TestDisk.CreateAsync(10 << 20), wrap: inner => failing = new FailingChild(inner));
        foreach (var cluster in new[] { 2, 0, 3 }) await disk.WriteAsync(cluster * Cluster, Cluster, 1);
        failing!.Plan.FailWhen = o => o is { Kind: ChildOperationKind.Write, Bytes: Cluster };
        await Assert.ThrowsAsync<BlockException>(async () => await disk.WriteAsync(0, 6 * Cluster, 2));
        failing.Plan.FailWhen = null;
        await disk.WriteAsync(0, 6 * Cluster, 3);
        Assert.Equal(TestDisk.Filled(6 * Cluster, 3), await disk.ReadAsync(0, 6 * Cluster));
        await disk.FlushAsync();
        await disk.AssertSoundAsync();
    }

    [Fact]
    public async Task A_failed_write_changes_nothing_and_leaks_nothing()
    {
        FailingChild? failing = null;
        await using var disk = await TestDisk.OpenAsync(
            await TestDisk.CreateAsync(10 << 20), wrap: inner => failing = new FailingChild(inner));
        await disk.WriteAsync(0, 100, 1);
        failing!.Plan.FailWhen = o => o is { Kind: ChildOperationKind.Write, Bytes: 5000 };
        await Assert.ThrowsAsync<BlockException>(async () => await disk.WriteAsync(1 << 20, 5000, 2));
        failing.Plan.FailWhen = null;
        Assert.All(await disk.ReadAsync(1 << 20, 5000), b => Assert.Equal(0, b));
        await disk.AssertSoundAsync();
        await disk.WriteAsync(1 << 20, 5000, 3);
        Assert.All(await disk.ReadAsync(1 << 20, 5000), b => Assert.Equal(3, b));
    }

    [Theory]
    [InlineData(ZeroFlags.None)]
    [InlineData(ZeroFlags.MayUnmap)]
    public async Task Zeroes_cover_data_backing_and_parts_of_clusters(ZeroFlags flags)
    {
        var backing = new MemoryChild(new MemoryImage(TestDisk.Filled(8 * Cluster, 0x77)), "backing") { ReadOnly = true };
        await using var disk = await TestDisk.OpenAsync(await TestDisk.CreateAsync(8 * Cluster), backing: backing);
        await disk.WriteAsync(2 * Cluster, 2 * Cluster, 0x22);
        await disk.Node.WriteZeroesAsync(Cluster / 2, 4 * Cluster, flags, default);
        var expected = TestDisk.Filled(8 * Cluster, 0x77);
        expected.AsSpan(Cluster / 2, 4 * Cluster).Clear();
        Assert.Equal(expected, await disk.ReadAsync(0, expected.Length));
        await disk.WriteAsync((2 * Cluster) + 5, 5, 9);
        expected.AsSpan((2 * Cluster) + 5, 5).Fill(9);
        Assert.Equal(expected, await disk.ReadAsync(0, expected.Length));
        await disk.FlushAsync();
        await disk.AssertSoundAsync();
    }

    [Fact]
    public async Task Discarded_clusters_read_as_zeroes_over_a_backing_file_and_are_given_back()
    {
        var backing = new MemoryChild(new MemoryImage(TestDisk.Filled(8 * Cluster, 0x77)), "backing") { ReadOnly = true };
        await using var disk = await TestDisk.OpenAsync(await TestDisk.CreateAsync(8 * Cluster), backing: backing);
        await disk.WriteAsync(0, 4 * Cluster, 0x22);
        await disk.Node.DiscardAsync(100, 3 * Cluster, default);
        Assert.All(await disk.ReadAsync(Cluster, 2 * Cluster), b => Assert.Equal(0, b));
        Assert.Equal(0x22, (await disk.ReadAsync(100, 1))[0]);
        var result = await disk.CheckAsync();
        Assert.Equal((0, 0, 2), (result.Corruptions, result.Leaks, result.AllocatedClusters));
    }
}
