// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow.Tests;

/// <summary>What the tools' comparison with QEMU does not reach, and what QEMU must be able to read afterwards.</summary>
public sealed class QcowTests : IDisposable
{
    private const int Cluster = QcowBed.Cluster;

    private readonly string _folder = Directory.CreateTempSubdirectory("qcow").FullName;

    [Fact]
    public async Task Compressed_clusters_are_written_again_in_part_and_whole()
    {
        var image = await QcowBed.CreateAsync(1 << 20);
        await using (var node = await QcowBed.Images.OpenAsync(image))
        {
            await node.WriteAsync(0, Filled(8 * Cluster, 5), WriteFlags.Compressed, default);
            await Disk.WriteAsync(node, 100, 200, 6);
            await Disk.WriteAsync(node, 2 * Cluster, Cluster, 7);
            await node.WriteAsync(3 * Cluster, Filled(Cluster, 8), WriteFlags.Compressed, default);
            // What does not get smaller is stored as it is.
            var random = new byte[2 * Cluster];
            new Random(1).NextBytes(random);
            await node.WriteAsync(8 * Cluster, random, WriteFlags.Compressed, default);
            var content = await Disk.ReadAllAsync(node);
            Assert.Equal(random, content[(8 * Cluster)..(10 * Cluster)]);
        }

        await using var again = await QcowBed.Images.OpenAsync(image, readOnly: true);
        var read = await Disk.ReadAllAsync(again);
        Assert.Equal((6 * Cluster) - 200, read[..(8 * Cluster)].Count(b => b == 5));
        Assert.Equal(200, read[100..300].Count(b => b == 6));
        Assert.Equal(Cluster, read.AsSpan(3 * Cluster, Cluster).Count((byte)8));
        var found = await Disk.CheckAsync(again);
        Assert.Equal((0, 6, 10), (found.Corruptions, found.CompressedClusters, found.AllocatedClusters));
        Assert.True(image.Length < 12 * Cluster);
    }

    [Fact]
    public async Task Compressed_writes_cover_whole_clusters()
    {
        var image = await QcowBed.CreateAsync((2 * Cluster) + 512);
        await using var node = await QcowBed.Images.OpenAsync(image);
        await node.WriteAsync(0, Filled((2 * Cluster) + 512, 5), WriteFlags.Compressed, default);
        Assert.Equal((2 * Cluster) + 512, (await Disk.ReadAllAsync(node)).Count(b => b == 5));
        foreach (var (offset, bytes) in new[] { (512, Cluster), (0, 512), (Cluster, Cluster + 100) })
        {
            var e = await Assert.ThrowsAsync<BlockException>(
                async () => await node.WriteAsync(offset, Filled(bytes, 1), WriteFlags.Compressed, default));
            Assert.Equal(BlockErrorKind.InvalidArgument, e.Kind);
        }
    }

    [Fact]
    public async Task A_place_beyond_the_end_of_the_file_is_not_given_away_twice()
    {
        var image = await QcowBed.CreateAsync(1 << 20);
        await using (var node = await QcowBed.Images.OpenAsync(image))
            await Disk.WriteAsync(node, 0, Cluster, 1);
        // As after a power cut under QEMU, which sets the entry before the data are there.
        var end = (image.Length + Cluster - 1) / Cluster * Cluster;
        QcowBed.SetEntry(image, 9, end);
        await using (var node = await QcowBed.Images.OpenAsync(image))
        {
            await Disk.WriteAsync(node, 5 * Cluster, Cluster, 2);
            Assert.Equal(0, (await Disk.ReadAllAsync(node))[9 * Cluster]);
            await Disk.WriteAsync(node, 9 * Cluster, Cluster, 3);
            Assert.Equal(2, (await Disk.ReadAllAsync(node))[5 * Cluster]);
            Assert.Equal(0, (await Disk.CheckAsync(node)).Corruptions);
        }
    }

    [Fact]
    public async Task A_repair_clears_what_points_nowhere_and_parts_what_lies_in_one_place()
    {
        var image = await QcowBed.CreateAsync(4 * QcowBed.Covered);
        await using (var node = await QcowBed.Images.OpenAsync(image))
        {
            await Disk.WriteAsync(node, 0, 3 * Cluster, 1);
            await node.WriteAsync(20 * Cluster, Filled(2 * Cluster, 4), WriteFlags.Compressed, default);
        }

        var packedAt = QcowBed.Entry(image, 20) & ((1L << 51) - 1);
        QcowBed.SetEntry(image, 7, QcowBed.Entry(image, 0));
        QcowBed.SetEntry(image, 8, 1L << 40);
        QcowBed.SetEntry(image, 9, packedAt / Cluster * Cluster);
        QcowBed.SetNumber(image, QcowBed.TopAt + 16, QcowBed.FirstTable(image));
        await using (var node = await QcowBed.Images.OpenAsync(image, forRepair: true))
        {
            var wrong = (await Disk.CheckAsync(node)).Corruptions;
            Assert.True(wrong >= 4, $"{wrong}");
            await Disk.CheckAsync(node, CheckRepair.Errors);
        }

        await using var again = await QcowBed.Images.OpenAsync(image);
        Assert.Equal(0, (await Disk.CheckAsync(again)).Corruptions);
        var content = await Disk.ReadAllAsync(again);
        Assert.Equal(4 * Cluster, content[..(9 * Cluster)].Count(b => b == 1));
        Assert.NotEqual(QcowBed.Entry(image, 7), QcowBed.Entry(image, 0));
        Assert.Equal(2 * Cluster, content.AsSpan(20 * Cluster, 2 * Cluster).Count((byte)4));
    }

    [Fact]
    public async Task A_top_table_as_far_out_as_a_number_goes_is_checked_at_once()
    {
        var image = await QcowBed.CreateAsync(1 << 20);
        QcowBed.SetNumber(image, 40, long.MaxValue - sizeof(long));
        await using var node = await QcowBed.Images.OpenAsync(image, readOnly: true);
        await Task.Run(() => Disk.CheckAsync(node)).WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Nothing_is_read_from_or_written_to_the_header_and_the_top_table()
    {
        var image = await QcowBed.CreateAsync(1 << 20);
        await using (var node = await QcowBed.Images.OpenAsync(image))
            await Disk.WriteAsync(node, 0, Cluster, 1);
        QcowBed.SetEntry(image, 0, 512);
        image.Write(40, new byte[] { 0, 0, 0, 0, 0, 0, 2, 8 });
        QcowBed.SetNumber(image, 520, QcowBed.Number(image, QcowBed.TopAt));
        await using var damaged = await QcowBed.Images.OpenAsync(image);
        await Assert.ThrowsAsync<BlockException>(() => Disk.ReadAllAsync(damaged));
        await Assert.ThrowsAsync<BlockException>(async () => await Disk.WriteAsync(damaged, 0, 512, 9));
    }

    [Fact]
    public async Task The_name_of_a_backing_file_is_changed_and_taken_away()
    {
        var image = await QcowBed.CreateAsync(1 << 20);
        await using (var node = await QcowBed.Images.OpenAsync(image))
        {
            await Disk.WriteAsync(node, 0, Cluster, 1);
            Assert.True(node.TryGetFacet<IBackingFileStore>(out var store));
            await store.SetBackingAsync(new BackingFileReference("some/base", "raw"), default);
            Assert.Equal(new BackingFileReference("some/base", null), store.Backing);
            await Disk.WriteAsync(node, Cluster, Cluster, 2);
            var e = await Assert.ThrowsAsync<BlockException>(
                async () => await store.SetBackingAsync(new BackingFileReference(new string('x', 1024), null), default));
            Assert.Equal(Errno.ENOSPC, e.Errno);
        }

        var backing = new MemoryChild(new MemoryImage(512), "backing");
        await using var again = await QcowBed.Images.OpenAsync(image, backing: backing);
        Assert.True(again.TryGetFacet<IBackingFileStore>(out var found));
        Assert.Equal(new BackingFileReference("some/base", null), found.Backing);
        await found.SetBackingAsync(null, default);
        Assert.Null(found.Backing);
        Assert.Equal(0, (await Disk.CheckAsync(again)).Corruptions);
    }

    [Fact]
    public async Task A_disk_gets_longer_and_shorter_and_shows_nothing_old()
    {
        var backing = new MemoryImage(Filled(4 * QcowBed.Covered, 9));
        var image = await QcowBed.CreateAsync((3 * QcowBed.SmallCluster) + 1, "base");
        await using (var node = await QcowBed.Images.OpenAsync(
            image, backing: new MemoryChild(backing, "backing") { ReadOnly = true }))
        {
            await Disk.ResizeAsync(node, 2 * QcowBed.Covered);
            Assert.Equal(4 * QcowBed.SmallCluster, (await Disk.ReadAllAsync(node)).Count(b => b == 9));
            await Disk.WriteAsync(node, QcowBed.Covered, 5000, 1);
            await Disk.ResizeAsync(node, QcowBed.Covered + 700);
            Assert.Equal(1024, (await Disk.ReadAllAsync(node)).Count(b => b == 1));
            await Disk.ResizeAsync(node, 3 * QcowBed.Covered);
            Assert.Equal(1024, (await Disk.ReadAllAsync(node)).Count(b => b == 1));
            Assert.Equal(0, (await Disk.CheckAsync(node)).Corruptions);
            await Assert.ThrowsAsync<BlockException>(() => Disk.ResizeAsync(node, 0));
        }

        if (Qemu.IsInstalled)
        {
            await Qemu.SaveAsync(backing, Path.Combine(_folder, "base"));
            var read = await QcowBed.Images.ReadByQemuAsync(image, _folder);
            Assert.Equal((3 * QcowBed.Covered, 1024, 2048), (read.Length, read.Count(b => b == 1), read.Count(b => b == 9)));
        }
    }

    [Fact]
    public async Task An_image_is_made_empty_and_written_again()
    {
        var image = await QcowBed.CreateAsync(4 << 20);
        await using (var node = await QcowBed.Images.OpenAsync(image))
        {
            await node.WriteAsync(0, Filled(64 << 10, 5), WriteFlags.Compressed, default);
            await Disk.WriteAsync(node, 1 << 20, 1 << 20, 6);
            Assert.True(node.TryGetFacet<IImageEmptier>(out var emptier));
            await emptier.MakeEmptyAsync(default);
            Assert.True(image.Length < 512);
            await node.WriteAsync(0, Filled(64 << 10, 7), WriteFlags.Compressed, default);
            Assert.Equal(64 << 10, (await Disk.ReadAllAsync(node)).Count(b => b == 7));
        }

        await using var again = await QcowBed.Images.OpenAsync(image);
        Assert.Equal(64 << 10, (await Disk.ReadAllAsync(again)).Count(b => b == 7));
        Assert.Equal(0, (await Disk.CheckAsync(again)).Corruptions);
    }

    [Fact]
    public async Task A_full_disk_fails_the_write_or_the_flush_and_nothing_else()
    {
        var image = await QcowBed.CreateAsync(10 << 20);
        var full = new FailurePlan
        {
            FailWhen = operation => operation.IsWrite && operation.Offset + operation.Bytes > 6 * Cluster,
            Kind = BlockErrorKind.NoSpace,
        };
        await using (var node = await QcowBed.Images.OpenAsync(image, wrap: child => new FailingChild(child, full)))
        {
            await Disk.WriteAsync(node, 0, Cluster, 1);
            await node.FlushAsync(default);
            await Assert.ThrowsAsync<BlockException>(async () => await Disk.WriteAsync(node, 5 * Cluster, 8 * Cluster, 2));
            await Disk.WriteAsync(node, 100, 100, 3);
        }

        await using var again = await QcowBed.Images.OpenAsync(image);
        Assert.Equal(0, (await Disk.CheckAsync(again)).Corruptions);
        Assert.Equal(Cluster, (await Disk.ReadAllAsync(again))[..Cluster].Count(b => b != 0));
    }

    [Fact]
    public async Task An_encrypted_image_is_described_and_not_read()
    {
        var image = await QcowBed.CreateAsync(1 << 20);
        image.Write(39, new byte[] { 1 });
        await using (var node = await QcowBed.Images.OpenAsync(image, readOnly: true, noIo: true))
        {
            Assert.True(node.TryGetFacet<IImageInfo>(out var info));
            Assert.True((await info.GetFactsAsync(default)).Encrypted);
        }

        var e = await Assert.ThrowsAsync<BlockException>(() => QcowBed.Images.OpenAsync(image, readOnly: true));
        Assert.Equal("Parameter 'encrypt.key-secret' is required for cipher", e.Message);
    }

    [SkippableFact]
    public async Task QEMU_goes_on_with_an_image()
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var image = await QcowBed.CreateAsync(10 << 20);
        await using (var node = await QcowBed.Images.OpenAsync(image))
        {
            for (var block = 4; block >= 0; block--)
                await Disk.WriteAsync(node, (block * QcowBed.Covered / 2) + 512, Cluster, (byte)(block + 1));
            await node.WriteAsync(4 * Cluster, Filled(4 * Cluster, 6), WriteFlags.Compressed, default);
            await Disk.ResizeAsync(node, 30 << 20);
        }

        await Qemu.SaveAsync(image, Path.Combine(_folder, "a"));
        string[] commands = [
            "write -P 7 20M 1M", "read -P 0 0 512", "read -P 1 512 4k", "read -P 2 1049088 4k", "read -P 5 4194816 4k",
            "read -P 6 16k 16k", "read -P 7 20M 1M"];
        var (exitCode, output) = Qemu.Run(
            _folder, "qemu-io", ["-f", "qcow", .. commands.SelectMany(command => new[] { "-c", command }), "a"]);
        Assert.True(exitCode == 0 && !output.Contains("failed", StringComparison.Ordinal), output);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static byte[] Filled(int bytes, byte pattern) => Enumerable.Repeat(pattern, bytes).ToArray();
}
