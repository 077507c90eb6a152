// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Parallels.Tests;

/// <summary>
/// The power fails before every write and flush of an operation: what is left holds all that was flushed, a check finds that it
/// was not closed and perhaps leaks, and a repair leaves nothing to be found.
/// </summary>
public sealed class PowerCutTests : IDisposable
{
    private const int Cluster = ParallelsBed.Cluster;

    private readonly string _folder = Directory.CreateTempSubdirectory("parallels").FullName;
    private readonly PowerCuts _cuts;
    private bool _mayBeNone;
    private bool _mayBeCorrupt;

    public PowerCutTests() => _cuts = new PowerCuts(ExamineAsync);

    [Fact]
    public async Task While_an_image_is_made_it_is_none_or_whole()
    {
        _mayBeNone = true;
        await ParallelsBed.Images.CreateAsync(_cuts.Watch(new MemoryImage()), ("size", 3 * Cluster), ("cluster-size", Cluster));
        Assert.True(_cuts.Count >= 4);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task While_clusters_are_written(bool hasBitmap)
    {
        var image = await ParallelsBed.CreateAsync(6);
        if (hasBitmap)
            ParallelsBed.AddBitmap(image);
        await using (var node = await StartAsync(image))
        {
            for (var i = 0; i < 24; i++)
            {
                // Clusters that were flushed are left alone, so that all of them can be compared.
                await Disk.WriteAsync(node, (i % 6 * Cluster) + (i / 6 * 7000), 6000, (byte)(i + 1));
                if (i % 5 != 4)
                    continue;
                await node.FlushAsync(default);
                _cuts.Flushed = await Disk.ReadAllAsync(node);
            }
        }

        Assert.True(_cuts.Count > 30);
        await using var closed = await ParallelsBed.Images.OpenAsync(_cuts.Storage);
        Assert.Empty((await Disk.CheckAsync(closed)).Messages);
    }

    [Theory]
    [InlineData(3, 5)]
    [InlineData(9, 2)]
    [InlineData(3, 3000)]
    public async Task While_the_disk_gets_longer_or_shorter(int before, int after)
    {
        var image = await ParallelsBed.CreateAsync(before);
        await using (var made = await ParallelsBed.Images.OpenAsync(image))
        {
            foreach (var block in new[] { before - 1, 1, 0 })
                await Disk.WriteAsync(made, block * Cluster, 3000, (byte)(block + 1));
        }

        await using var node = await StartAsync(image);
        _cuts.Flushed = _cuts.Flushed[..(Math.Min(before, after) * Cluster)];
        await Disk.ResizeAsync(node, after * (long)Cluster);
        var expected = new byte[after * Cluster];
        _cuts.Flushed.CopyTo(expected, 0);
        Assert.True(Disk.Same(expected, await Disk.ReadAllAsync(node)));
        Assert.True(_cuts.Count > 3);
    }

    [Fact]
    public async Task While_an_image_is_repaired()
    {
        var image = await ParallelsBed.CreateAsync(8);
        await using (var made = await ParallelsBed.Images.OpenAsync(image))
        {
            for (var block = 0; block < 4; block++)
                await Disk.WriteAsync(made, block * Cluster, Cluster, (byte)(block + 1));
        }

        // Two clusters in one place, and one beyond all.
        ParallelsBed.SetEntry(image, 5, 3);
        ParallelsBed.SetEntry(image, 6, 90);
        await using var node = await StartAsync(image, mayBeCorrupt: true);
        Assert.Equal(2, (await Disk.CheckAsync(node, CheckRepair.Errors | CheckRepair.Leaks)).CorruptionsFixed);
        Assert.Empty((await Disk.CheckAsync(node)).Messages);
        Assert.True(_cuts.Count > 4);
        Assert.True(Disk.Same(_cuts.Flushed, await Disk.ReadAllAsync(node)));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<BlockNode> StartAsync(MemoryImage image, bool mayBeCorrupt = false)
    {
        await using (var whole = await ParallelsBed.Images.OpenAsync(image, readOnly: true))
            _cuts.Flushed = await Disk.ReadAllAsync(whole);
        _mayBeCorrupt = mayBeCorrupt;
        return await ParallelsBed.Images.OpenAsync(image, wrap: child => _cuts.Watch(image, child), forRepair: mayBeCorrupt);
    }

    private async Task ExamineAsync(MemoryImage left)
    {
        if (_mayBeNone && left.Read(0, 1)[0] == 0)
            return;
        await using (var node = await ParallelsBed.Images.OpenAsync(left, readOnly: true))
        {
            var found = await Disk.CheckAsync(node);
            Assert.All(found.Messages, message => Assert.True(
                _mayBeCorrupt || message.Contains("not closed", StringComparison.Ordinal)
                    || message.Contains("leaked", StringComparison.Ordinal), message));
            _cuts.AssertHolds(await Disk.ReadAllAsync(node));
            // Every fifth one, as a program takes longer than all the rest.
            if (_cuts.Count % 5 == 0 && Qemu.IsInstalled && !_mayBeCorrupt && node.Profile.Length < 16 << 20
                && left.Length < 16 << 20)
                Assert.True(Disk.Same(await Disk.ReadAllAsync(node), await ParallelsBed.Images.ReadByQemuAsync(left, _folder)));
        }

        await using (var writable = await ParallelsBed.Images.OpenAsync(left, forRepair: true))
            await Disk.CheckAsync(writable, CheckRepair.Errors | CheckRepair.Leaks);
        await using var sound = await ParallelsBed.Images.OpenAsync(left);
        Assert.Empty((await Disk.CheckAsync(sound)).Messages);
        _cuts.AssertHolds(await Disk.ReadAllAsync(sound));
    }
}
