// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>Compressed writes shrink what can be shrunk, share host clusters soundly, and read back anywhere.</summary>
public sealed class CompressedWriteTests
{
    private const int Cluster = 65536;

    [SkippableTheory]
    [InlineData("{}")]
    [InlineData("""{"version": "v2", "cluster-size": 4096}""")]
    [InlineData("""{"cluster-size": 512, "refcount-bits": 64}""")]
    [InlineData("""{"cluster-size": 2097152}""")]
    [InlineData("""{"refcount-bits": 1}""")]
    [InlineData("""{"refcount-bits": 2, "cluster-size": 16384}""")]
    [InlineData("""{"compression-type": "zstd"}""")]
    [InlineData("""{"compression-type": "zstd", "cluster-size": 2097152}""")]
    [InlineData("""{"extended-l2": true}""")]
    [InlineData("""{"extended-l2": true, "compression-type": "zstd", "cluster-size": 16384}""")]
    public async Task What_is_written_compressed_reads_the_same_here_and_in_qemu(string options)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        const int Size = (5 << 20) + 1536;
        var content = Mixed(Size);
        var storage = await TestDisk.CreateAsync(Size, options);
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            await WriteCompressedAsync(disk, 0, content);
            Assert.Equal(content, await disk.ReadAsync(0, Size));
            await disk.FlushAsync();
            await disk.AssertSoundAsync();
            Assert.True((await disk.CheckAsync()).CompressedClusters > 0);
        }
        Assert.Equal(0, storage.Length % 512);
        qemu.Save(storage, "a.qcow2");
        qemu.AssertSound("a.qcow2");
        Assert.Equal(content, qemu.Content("a.qcow2"));
        await using var again = await TestDisk.OpenAsync(storage, readOnly: true);
        Assert.Equal(content, await again.ReadAsync(0, Size));
    }

    [Fact]
    public async Task Small_clusters_share_host_clusters()
    {
        await using var disk = await TestDisk.NewAsync(4 << 20);
        var before = disk.Storage.Length;
        await WriteCompressedAsync(disk, 0, TestDisk.Filled(4 << 20, 7));
        await disk.FlushAsync();
        Assert.InRange(disk.Storage.Length - before, 1, 3 * Cluster);
        Assert.Equal(64, (await disk.CheckAsync()).CompressedClusters);
    }

    [Fact]
    public async Task What_does_not_shrink_is_stored_plain()
    {
        await using var disk = await TestDisk.NewAsync(4 << 20);
        var noise = new byte[2 * Cluster];
        new Random(5).NextBytes(noise);
        await WriteCompressedAsync(disk, Cluster, noise);
        Assert.Equal(noise, await disk.ReadAsync(Cluster, noise.Length));
        await disk.FlushAsync();
        var check = await disk.CheckAsync();
        Assert.Equal((2, 0), (check.AllocatedClusters, check.CompressedClusters));
    }

    [Fact]
    public async Task Packed_clusters_reach_the_file_in_one_write()
    {
        RecordingChild? recorder = null;
        await using var disk = await TestDisk.OpenAsync(
            await TestDisk.CreateAsync(4 << 20), wrap: inner => recorder = new RecordingChild(inner));
        await WriteCompressedAsync(disk, 0, TestDisk.Filled(Cluster, 1));
        recorder!.Clear();
        await WriteCompressedAsync(disk, Cluster, TestDisk.Filled(16 * Cluster, 2));
        Assert.Single(recorder.Operations, o => o.IsWrite);
    }

    [Fact]
    public async Task A_plain_write_into_a_compressed_cluster_keeps_the_rest_of_it()
    {
        await using var disk = await TestDisk.NewAsync(4 << 20);
        var content = Mixed(4 * Cluster);
        await WriteCompressedAsync(disk, 0, content);
        await disk.WriteAsync(Cluster + 1000, 500, 0xAB);
        content.AsSpan(Cluster + 1000, 500).Fill(0xAB);
        Assert.Equal(content, await disk.ReadAsync(0, content.Length));
        await disk.FlushAsync();
        await disk.AssertSoundAsync();
    }

    [Fact]
    public async Task Compressed_clusters_freed_and_written_again_do_not_show_old_content_and_give_their_space_back()
    {
        await using var disk = await TestDisk.NewAsync(4 << 20);
        var length = 0L;
        for (byte round = 1; round < 12; round++)
        {
            // Clusters of one byte each pack to the same sizes, so their descriptors repeat.
            await WriteCompressedAsync(disk, 0, TestDisk.Filled(8 * Cluster, round));
            Assert.Equal(TestDisk.Filled(8 * Cluster, round), await disk.ReadAsync(0, 8 * Cluster));
            await disk.Node.DiscardAsync(0, 8 * Cluster, default);
            await disk.FlushAsync();
            await disk.FlushAsync();
            if (round == 4) length = disk.Storage.Length / Cluster;
        }
        Assert.Equal(length, disk.Storage.Length / Cluster);
        await disk.AssertSoundAsync();
    }

    [Theory]
    [InlineData(WriteFlags.None)]
    [InlineData(WriteFlags.Compressed)]
    public async Task A_cluster_with_storage_is_not_compressed(WriteFlags before)
    {
        await using var disk = await TestDisk.NewAsync(4 << 20);
        await disk.Node.WriteAsync(Cluster, TestDisk.Filled(Cluster, 1), before, default);
        var error = await Assert.ThrowsAsync<BlockException>(() => WriteCompressedAsync(disk, 0, new byte[2 * Cluster]));
        Assert.Equal(Errno.EIO, error.Errno);
        Assert.Equal(1, (await disk.ReadAsync(Cluster, 1))[0]);
        await disk.FlushAsync();
        await disk.AssertSoundAsync();
    }

    [Theory]
    [InlineData(512, Cluster)]
    [InlineData(0, 512)]
    [InlineData(0, Cluster + 512)]
    public async Task Parts_of_clusters_are_refused(int offset, int bytes)
    {
        await using var disk = await TestDisk.NewAsync(4 << 20);
        var error = await Assert.ThrowsAsync<BlockException>(() => WriteCompressedAsync(disk, offset, new byte[bytes]));
        Assert.Equal(Errno.EINVAL, error.Errno);
    }

    [Fact]
    public async Task A_failed_compressed_write_leaks_nothing()
    {
        FailingChild? failing = null;
        await using var disk = await TestDisk.OpenAsync(
            await TestDisk.CreateAsync(4 << 20), wrap: inner => failing = new FailingChild(inner));
        await WriteCompressedAsync(disk, 0, TestDisk.Filled(Cluster, 1));
        failing!.Plan.FailWhen = o => o is { Kind: ChildOperationKind.Write, Bytes: < 4096 };
        await Assert.ThrowsAsync<BlockException>(() => WriteCompressedAsync(disk, Cluster, TestDisk.Filled(8 * Cluster, 2)));
        failing.Plan.FailWhen = null;
        await disk.AssertSoundAsync();
        await WriteCompressedAsync(disk, Cluster, TestDisk.Filled(8 * Cluster, 3));
        Assert.Equal(TestDisk.Filled(8 * Cluster, 3), await disk.ReadAsync(Cluster, 8 * Cluster));
        Assert.Equal(TestDisk.Filled(Cluster, 1), await disk.ReadAsync(0, Cluster));
        await disk.FlushAsync();
        await disk.AssertSoundAsync();
    }

    [Fact]
    public async Task Concurrent_compressed_writes_all_arrive()
    {
        await using var disk = await TestDisk.NewAsync(16 << 20, """{"cluster-size": 16384}""");
        var content = Mixed(16 << 20);
        await Parallel.ForAsync(
            0,
            content.Length / 65536,
            async (i, _) => await WriteCompressedAsync(disk, i * 65536, content[(i * 65536)..((i + 1) * 65536)]));
        Assert.Equal(content, await disk.ReadAsync(0, content.Length));
        await disk.FlushAsync();
        await disk.AssertSoundAsync();
    }

    private static Task WriteCompressedAsync(TestDisk disk, long offset, byte[] data) =>
        disk.Node.WriteAsync(offset, data, WriteFlags.Compressed, default).AsTask();

    /// <summary>Text, runs and noise in turn.</summary>
    private static byte[] Mixed(int bytes)
    {
        var random = new Random(bytes);
        var content = new byte[bytes];
        for (var at = 0; at < bytes; at += 10_000)
        {
            var part = content.AsSpan(at, Math.Min(10_000, bytes - at));
            switch (random.Next(4))
            {
                case 0:
                    part.Fill((byte)random.Next(256));
                    break;
                case 1 when random.Next(3) == 0:
                    random.NextBytes(part);
                    break;
                default:
                    for (var i = 0; i < part.Length; i++) part[i] = (byte)('a' + random.Next(6));
                    break;
            }
        }
        random.NextBytes(content.AsSpan(bytes / 3, Math.Min(200_000, bytes / 3)));
        return content;
    }
}
