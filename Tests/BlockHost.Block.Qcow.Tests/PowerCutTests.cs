// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow.Tests;

/// <summary>
/// The power fails before every write and flush of an operation: what is left holds all that was flushed, and nothing in it
/// points at what is not there. Clusters that nothing points at may be left.
/// </summary>
public sealed class PowerCutTests : IDisposable
{
    private const int Cluster = QcowBed.Cluster;

    private readonly PowerCutExam _exam = new(QcowBed.Images);

    [Fact]
    public async Task While_an_image_is_made_it_is_none_or_whole()
    {
        _exam.MayBeNone = true;
        await QcowBed.Images.CreateAsync(_exam.Cuts.Watch(new MemoryImage()), ("size", 1 << 20));
        Assert.True(_exam.Cuts.Count >= 4);
    }

    [Theory]
    [InlineData(WriteFlags.None)]
    [InlineData(WriteFlags.Compressed)]
    public async Task While_clusters_are_written(WriteFlags flags)
    {
        await using (var node = await _exam.StartAsync(await QcowBed.CreateAsync(3 * QcowBed.Covered)))
        {
            for (var i = 0; i < 24; i++)
            {
                // Clusters that were flushed are left alone, so that all of them can be compared.
                var data = new byte[2 * Cluster];
                data.AsSpan(0, 6000).Fill((byte)(i + 1));
                await node.WriteAsync((i % 3 * QcowBed.Covered) + (i / 3 * 3 * Cluster), data, flags, default);
                if (i % 5 != 4)
                    continue;
                await node.FlushAsync(default);
                _exam.Cuts.Flushed = await Disk.ReadAllAsync(node);
            }
        }

        Assert.True(_exam.Cuts.Count > 30);
    }

    [Fact]
    public async Task While_compressed_clusters_are_written_in_part()
    {
        var image = await QcowBed.CreateAsync(1 << 20);
        await using (var made = await QcowBed.Images.OpenAsync(image))
            await made.WriteAsync(0, Enumerable.Repeat((byte)3, 8 * Cluster).ToArray(), WriteFlags.Compressed, default);
        await using var node = await _exam.StartAsync(image);
        for (var i = 0; i < 8; i++)
        {
            // The same bytes, so that all of them can be compared.
            await Disk.WriteAsync(node, (i * Cluster) + 100, 200, 3);
            if (i % 3 == 2)
                await node.FlushAsync(default);
        }

        Assert.Equal(8 * Cluster, (await Disk.ReadAllAsync(node)).Count(b => b == 3));
    }

    [Theory]
    [InlineData(2 * QcowBed.Covered)]
    [InlineData(5 * Cluster)]
    public async Task While_the_disk_gets_longer(int length)
    {
        var image = await QcowBed.CreateAsync((3 * Cluster) + 512);
        await using (var made = await QcowBed.Images.OpenAsync(image))
            await Disk.WriteAsync(made, Cluster, (2 * Cluster) + 512, 7);
        await using var node = await _exam.StartAsync(image);
        await Disk.ResizeAsync(node, length);
        Assert.Equal((2 * Cluster) + 512, (await Disk.ReadAllAsync(node)).Count(b => b != 0));
        Assert.True(_exam.Cuts.Count > 3);
    }

    [Fact]
    public async Task While_an_image_gives_up_what_it_holds()
    {
        var image = await QcowBed.CreateAsync(QcowBed.Covered + (8 * Cluster));
        await using (var made = await QcowBed.Images.OpenAsync(image))
            await Disk.WriteAsync(made, QcowBed.Covered - Cluster, 4 * Cluster, 7);
        await using var node = await _exam.StartAsync(image);
        _exam.MayBeEmpty = true;
        Assert.True(node.TryGetFacet<IImageEmptier>(out var emptier));
        await emptier.MakeEmptyAsync(default);
        Assert.DoesNotContain(await Disk.ReadAllAsync(node), b => b != 0);
        Assert.True(_exam.Cuts.Count > 1);
    }

    [Fact]
    public async Task While_an_image_is_repaired()
    {
        var image = await QcowBed.CreateAsync(1 << 20);
        await using (var made = await QcowBed.Images.OpenAsync(image))
            await Disk.WriteAsync(made, 0, 4 * Cluster, 7);
        // Two clusters in one place, one of which gets another.
        QcowBed.SetEntry(image, 7, QcowBed.Entry(image, 1));
        await using var node = await _exam.StartAsync(image, mayBeCorrupt: true);
        Assert.Equal(1, (await Disk.CheckAsync(node, CheckRepair.Errors)).CorruptionsFixed);
        Assert.True(_exam.Cuts.Count > 2);
        Assert.True(Disk.Same(_exam.Cuts.Flushed, await Disk.ReadAllAsync(node)));
    }

    [Fact]
    public async Task What_was_copied_up_is_on_disk_before_the_backing_file_goes()
    {
        var image = await QcowBed.CreateAsync(8 * Cluster, "base");
        image.TrackDurability = true;
        await using var node = await QcowBed.Images.OpenAsync(image, backing: new MemoryChild(new MemoryImage(8 * Cluster)));
        await Disk.WriteAsync(node, 0, 8 * Cluster, 7);

        Assert.True(node.TryGetFacet<IBackingFileStore>(out var store));
        await store.SetBackingAsync(null, default);

        await using var left = await QcowBed.Images.OpenAsync(image.AfterPowerCut(new Random(1)));
        Assert.Equal(8 * Cluster, (await Disk.ReadAllAsync(left)).Count(b => b == 7));
    }

    public void Dispose() => _exam.Dispose();
}
