// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qed.Tests;

/// <summary>What the tools' comparison with QEMU does not reach, and what QEMU must be able to read afterwards.</summary>
public sealed class QedTests : IDisposable
{
    private const int Cluster = QedBed.Cluster;

    private readonly string _folder = Directory.CreateTempSubdirectory("qed").FullName;

    [Fact]
    public async Task An_image_needs_a_check_while_its_tables_change()
    {
        var image = await QedBed.CreateAsync(10 << 20);
        await using (var node = await QedBed.Images.OpenAsync(image))
        {
            Assert.False(QedBed.NeedsCheck(image));
            await Disk.WriteAsync(node, 5000, 512, 1);
            Assert.True(QedBed.NeedsCheck(image));
        }

        Assert.False(QedBed.NeedsCheck(image));
    }

    [Fact]
    public async Task An_image_that_needs_a_check_gets_it_before_it_is_written()
    {
        var image = await QedBed.CreateAsync(10 << 20);
        await using (var node = await QedBed.Images.OpenAsync(image))
            await Disk.WriteAsync(node, 0, 3 * Cluster, 1);
        QedBed.SetEntry(image, 1, 77 * Cluster);
        image.Write(16, new byte[] { 2 });
        await using (var reader = await QedBed.Images.OpenAsync(image, readOnly: true))
            Assert.Equal(1, (await Disk.CheckAsync(reader)).Corruptions);

        await using var writer = await QedBed.Images.OpenAsync(image);
        Assert.False(QedBed.NeedsCheck(image));
        Assert.Equal(0, (await Disk.CheckAsync(writer)).Corruptions);
        Assert.Equal(2 * Cluster, (await Disk.ReadAllAsync(writer)).Count(b => b == 1));
    }

    [Fact]
    public async Task Clusters_in_one_place_get_one_each()
    {
        var image = await QedBed.CreateAsync(10 << 20);
        await using (var node = await QedBed.Images.OpenAsync(image))
            await Disk.WriteAsync(node, 0, 3 * Cluster, 1);
        QedBed.SetEntry(image, 9, QedBed.Entry(image, 0));
        await using (var node = await QedBed.Images.OpenAsync(image, forRepair: true))
            Assert.Equal(1, (await Disk.CheckAsync(node, CheckRepair.Errors)).CorruptionsFixed);
        await using var again = await QedBed.Images.OpenAsync(image);
        Assert.Equal(0, (await Disk.CheckAsync(again)).Corruptions);
        Assert.Equal(4 * Cluster, (await Disk.ReadAllAsync(again)).Count(b => b == 1));
        Assert.NotEqual(QedBed.Entry(image, 9), QedBed.Entry(image, 0));
    }

    [Fact]
    public async Task A_longer_disk_does_not_show_more_of_its_backing_file()
    {
        var backing = new MemoryImage(Enumerable.Repeat((byte)9, 6 * Cluster).ToArray());
        var image = await QedBed.CreateAsync(Cluster + 512, "base");
        await using (var node = await QedBed.Images.OpenAsync(
            image, backing: new MemoryChild(backing, "backing") { ReadOnly = true }))
        {
            await Disk.ResizeAsync(node, 8 * Cluster);
            var content = await Disk.ReadAllAsync(node);
            Assert.Equal(Cluster + 512, content.Count(b => b == 9));
            var e = await Assert.ThrowsAsync<BlockException>(() => Disk.ResizeAsync(node, 512));
            Assert.Equal("Shrinking images is currently not supported", e.Message);
        }
    }

    [Fact]
    public async Task The_name_of_a_backing_file_is_changed_and_taken_away()
    {
        var image = await QedBed.CreateAsync(10 << 20);
        await using (var node = await QedBed.Images.OpenAsync(image))
        {
            Assert.True(node.TryGetFacet<IBackingFileStore>(out var store));
            await store.SetBackingAsync(new BackingFileReference("some/base", "raw"), default);
            Assert.Equal(new BackingFileReference("some/base", "raw"), store.Backing);
            var e = await Assert.ThrowsAsync<BlockException>(
                async () => await store.SetBackingAsync(new BackingFileReference(new string('x', 5000), null), default));
            Assert.Equal(Errno.ENOSPC, e.Errno);
        }

        await using var again = await QedBed.Images.OpenAsync(
            image, readOnly: true, backing: new MemoryChild(new MemoryImage(512), "backing"));
        Assert.True(again.TryGetFacet<IImageInfo>(out var info));
        Assert.Equal(new BackingFileReference("some/base", "raw"), (await info.GetFactsAsync(default)).Backing);
    }

    [Fact]
    public async Task A_full_disk_fails_the_write_or_the_flush_and_nothing_else()
    {
        var image = await QedBed.CreateAsync(10 << 20);
        var full = new FailurePlan
        {
            FailWhen = operation => operation.IsWrite && operation.Offset + operation.Bytes > 6 * Cluster,
            Kind = BlockErrorKind.NoSpace,
        };
        await using (var node = await QedBed.Images.OpenAsync(image, wrap: child => new FailingChild(child, full)))
        {
            await Disk.WriteAsync(node, 0, Cluster, 1);
            await node.FlushAsync(default);
            await Assert.ThrowsAsync<BlockException>(async () => await Disk.WriteAsync(node, 5 * Cluster, Cluster, 2));
            await Disk.WriteAsync(node, 100, 100, 3);
        }

        await using var again = await QedBed.Images.OpenAsync(image);
        Assert.Equal(0, (await Disk.CheckAsync(again)).Corruptions);
        Assert.Equal(Cluster, (await Disk.ReadAllAsync(again)).Count(b => b != 0));
    }

    [SkippableFact]
    public async Task QEMU_goes_on_with_an_image()
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var image = await QedBed.CreateAsync(10 << 20);
        await using (var node = await QedBed.Images.OpenAsync(image))
        {
            for (var block = 4; block >= 0; block--)
                await Disk.WriteAsync(node, (block * QedBed.Covered / 2) + 512, Cluster, (byte)(block + 1));
            await node.WriteZeroesAsync(0, Cluster, ZeroFlags.MayUnmap, default);
            await Disk.ResizeAsync(node, 30 << 20);
        }

        await Qemu.SaveAsync(image, Path.Combine(_folder, "a"));
        string[] commands = [
            "write -P 7 20M 1M", "read -P 0 0 4k", "read -P 1 4k 512", "read -P 2 2097664 4k", "read -P 5 8389120 4k",
            "read -P 7 20M 1M"];
        var (exitCode, output) = Qemu.Run(
            _folder, "qemu-io", ["-f", "qed", .. commands.SelectMany(command => new[] { "-c", command }), "a"]);
        Assert.True(exitCode == 0 && !output.Contains("failed", StringComparison.Ordinal), output);
        Assert.Equal(0, Qemu.Run(_folder, "qemu-img", "check", "a").ExitCode);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
