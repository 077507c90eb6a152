// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qed.Tests;

/// <summary>
/// The power fails before every write and flush of an operation: what is left holds all that was flushed, and nothing in it
/// points at what is not there. Clusters that nothing points at may be left.
/// </summary>
public sealed class PowerCutTests : IDisposable
{
    private const int Cluster = QedBed.Cluster;

    private readonly PowerCutExam _exam = new(QedBed.Images);

    [Fact]
    public async Task While_an_image_is_made_it_is_none_or_whole()
    {
        _exam.MayBeNone = true;
        await QedBed.Images.CreateAsync(
            _exam.Cuts.Watch(new MemoryImage()), ("size", 1 << 20), ("cluster-size", Cluster), ("table-size", 2));
        Assert.True(_exam.Cuts.Count >= 4);
    }

    [Fact]
    public async Task While_clusters_are_written_and_zeroed()
    {
        await using (var node = await _exam.StartAsync(await QedBed.CreateAsync(3 * QedBed.Covered)))
        {
            for (var i = 0; i < 24; i++)
            {
                // Clusters that were flushed are left alone, so that all of them can be compared.
                await Disk.WriteAsync(node, (i % 3 * QedBed.Covered) + (i / 3 * 9000), 6000, (byte)(i + 1));
                if (i % 4 == 2)
                    await node.WriteZeroesAsync(
                        (i % 3 * QedBed.Covered) + (1 << 20) + (i * Cluster), Cluster, ZeroFlags.None, default);
                if (i % 5 != 4)
                    continue;
                await node.FlushAsync(default);
                _exam.Cuts.Flushed = await Disk.ReadAllAsync(node);
            }
        }

        Assert.True(_exam.Cuts.Count > 40);
        Assert.False(QedBed.NeedsCheck(_exam.Cuts.Storage));
    }

    [Fact]
    public async Task While_the_disk_gets_longer()
    {
        var image = await QedBed.CreateAsync((3 * Cluster) + 512);
        await using (var made = await QedBed.Images.OpenAsync(image))
            await Disk.WriteAsync(made, Cluster, (2 * Cluster) + 512, 7);
        await using var node = await _exam.StartAsync(image);
        await Disk.ResizeAsync(node, 5 * Cluster);
        Assert.Equal((2 * Cluster) + 512, (await Disk.ReadAllAsync(node)).Count(b => b != 0));
        Assert.True(_exam.Cuts.Count > 3);
    }

    [Fact]
    public async Task While_an_image_is_repaired()
    {
        var image = await QedBed.CreateAsync(1 << 20);
        await using (var made = await QedBed.Images.OpenAsync(image))
            await Disk.WriteAsync(made, 0, 4 * Cluster, 7);
        // Two clusters in one place, one of which gets another.
        QedBed.SetEntry(image, 7, QedBed.Entry(image, 1));
        await using var node = await _exam.StartAsync(image, mayBeCorrupt: true);
        Assert.Equal(1, (await Disk.CheckAsync(node, CheckRepair.Errors)).CorruptionsFixed);
        Assert.True(_exam.Cuts.Count > 4);
        Assert.True(Disk.Same(_exam.Cuts.Flushed, await Disk.ReadAllAsync(node)));
    }

    [Fact]
    public async Task What_was_copied_up_is_on_disk_before_the_backing_file_goes()
    {
        var image = await QedBed.CreateAsync(8 * Cluster, "base");
        image.TrackDurability = true;
        await using var node = await QedBed.Images.OpenAsync(image, backing: new MemoryChild(new MemoryImage(8 * Cluster)));
        await Disk.WriteAsync(node, 0, 8 * Cluster, 7);

        Assert.True(node.TryGetFacet<IBackingFileStore>(out var store));
        await store.SetBackingAsync(null, default);

        await using var left = await QedBed.Images.OpenAsync(image.AfterPowerCut(new Random(1)));
        Assert.Equal(8 * Cluster, (await Disk.ReadAllAsync(left)).Count(b => b == 7));
    }

    public void Dispose() => _exam.Dispose();
}
