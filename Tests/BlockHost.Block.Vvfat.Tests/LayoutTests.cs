// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Vvfat.Folder;
using BlockHost.Plugins.Block.Vvfat.Layout;

namespace BlockHost.Block.Vvfat.Tests;

/// <summary>Of every place of every disk it is known what lies there, and each disk is of the type that it says.</summary>
public sealed class LayoutTests
{
    public static TheoryData<int, bool, long> Disks => new()
    {
        { 0, false, 1000 },
        { 12, false, 1000 },
        { 16, false, 100_000_000 },
        { 32, false, 1000 },
        { 32, false, 3_000_000_000 },
        { 0, true, 1000 },
        { 12, true, 1000 },
        { 16, true, 1000 },
    };

    [Theory]
    [MemberData(nameof(Disks))]
    public void One_thing_follows_the_other_to_the_end(int fatType, bool floppy, long size)
    {
        var layout = Build(fatType, floppy, size, 3);
        long offset = 0;
        for (var steps = 0; offset < layout.Geometry.Length; steps++)
        {
            var length = layout.Find(offset).Length;
            Assert.True(length > 0 && steps < 100, $"{length} bytes at {offset}");
            offset += length;
        }

        Assert.Equal(layout.Geometry.Length, offset);
    }

    [Theory]
    [MemberData(nameof(Disks))]
    public void The_number_of_clusters_says_the_type(int fatType, bool floppy, long size)
    {
        var geometry = Build(fatType, floppy, size, 1).Geometry;

        Assert.Equal(geometry.Bits, geometry.Clusters switch { < 4085 => 12, < 65525 => 16, _ => 32 });
        Assert.True(geometry.FatSize * 8 >= (geometry.Clusters + 2L) * geometry.Bits);
        Assert.Equal((geometry.Length - geometry.ClustersAt) / geometry.ClusterSize, geometry.Clusters);
        Assert.True(geometry.OffsetOf(geometry.Clusters + 2) <= geometry.Length);
    }

    /// <summary>A hundred of the largest files that there are, which nobody has to make.</summary>
    [Fact]
    public void Clusters_grow_with_the_disk()
    {
        var geometry = Build(32, floppy: false, uint.MaxValue, 100).Geometry;

        Assert.Equal(64, geometry.SectorsPerCluster);
        Assert.InRange(geometry.Length, 100L << 32, 200L << 32);
    }

    private static DiskLayout Build(int fatType, bool floppy, long size, int files)
    {
        var children = Enumerable.Range(0, files)
            .Select(i => new FolderItem($"a file {i}", $"a file {i}", new FileIdentity { Size = size }, Children: null)).ToList();
        return LayoutBuilder.Build(new FolderItem("", "", default, children), fatType, floppy, new byte[11], TimeZoneInfo.Utc);
    }
}
