// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>Images with extended L2 entries map, copy and zero parts of clusters.</summary>
public sealed class SubclusterTests
{
    private const int Cluster = 65536;
    private const int Subcluster = Cluster / 32;
    private const string Extended = """{"extended-l2": true}""";
    private const BlockStatusFlags Data = BlockStatusFlags.Data | BlockStatusFlags.OffsetValid | BlockStatusFlags.Allocated;
    private const BlockStatusFlags Zero = BlockStatusFlags.Zero | BlockStatusFlags.OffsetValid | BlockStatusFlags.Allocated;

    private static MemoryChild Backing => new(new MemoryImage(TestDisk.Filled(8 * Cluster, 0x77)), "backing") { ReadOnly = true };

    [Fact]
    public async Task A_write_of_whole_subclusters_copies_nothing()
    {
        var (disk, recorder) = await OverlayAsync();
        await using var _ = disk;
        await disk.WriteAsync(3 * Subcluster, 2 * Subcluster, 0x11);
        var write = Assert.Single(recorder.Operations, o => o.IsWrite && o.Bytes != Cluster);
        Assert.Equal(2 * Subcluster, write.Bytes);
        var expected = TestDisk.Filled(Cluster, 0x77);
        expected.AsSpan(3 * Subcluster, 2 * Subcluster).Fill(0x11);
        Assert.Equal(expected, await disk.ReadAsync(0, Cluster));
    }

    [Fact]
    public async Task A_write_into_a_cluster_with_room_goes_to_its_own_subclusters()
    {
        var (disk, recorder) = await OverlayAsync();
        await using var _ = disk;
        await disk.WriteAsync(0, Subcluster, 0x11);
        recorder.Clear();
        await disk.WriteAsync((5 * Subcluster) + 100, 200, 0x22);
        var write = Assert.Single(recorder.Operations, o => o.IsWrite);
        Assert.Equal(Subcluster, write.Bytes);
        var expected = TestDisk.Filled(Cluster, 0x77);
        expected.AsSpan(0, Subcluster).Fill(0x11);
        expected.AsSpan((5 * Subcluster) + 100, 200).Fill(0x22);
        Assert.Equal(expected, await disk.ReadAsync(0, Cluster));
        await disk.AssertSoundAsync();
        Assert.Equal(1, (await disk.CheckAsync()).AllocatedClusters);
    }

    [Fact]
    public async Task A_write_over_data_and_room_is_one_write()
    {
        var (disk, recorder) = await OverlayAsync();
        await using var _ = disk;
        await disk.WriteAsync(0, Subcluster, 0x11);
        recorder.Clear();
        await disk.WriteAsync(Subcluster + 512, Cluster, 0x22);
        Assert.Equal(2, recorder.Operations.Count(o => o.IsWrite));
        Assert.All(await disk.ReadAsync(Subcluster + 512, Cluster), b => Assert.Equal(0x22, b));
        Assert.All(await disk.ReadAsync(Subcluster, 512), b => Assert.Equal(0x77, b));
        Assert.All(await disk.ReadAsync(0, Subcluster), b => Assert.Equal(0x11, b));
    }

    [Fact]
    public async Task Zeroed_subclusters_hide_the_backing_file_and_write_no_data()
    {
        var (disk, recorder) = await OverlayAsync();
        await using var _ = disk;
        await disk.WriteAsync(0, 4 * Subcluster, 0x11);
        recorder.Clear();
        await disk.Node.WriteZeroesAsync(2 * Subcluster, Cluster, ZeroFlags.MayUnmap | ZeroFlags.NoFallback, default);
        Assert.DoesNotContain(recorder.Operations, o => o.IsWrite);
        var expected = TestDisk.Filled(2 * Cluster, 0x77);
        expected.AsSpan(0, 2 * Subcluster).Fill(0x11);
        expected.AsSpan(2 * Subcluster, Cluster).Clear();
        Assert.Equal(expected, await disk.ReadAsync(0, 2 * Cluster));

        // What is written next to them brings no old data back.
        await disk.WriteAsync((3 * Subcluster) + 5, 5, 9);
        expected.AsSpan((3 * Subcluster) + 5, 5).Fill(9);
        Assert.Equal(expected, await disk.ReadAsync(0, 2 * Cluster));
        await disk.FlushAsync();
        await disk.AssertSoundAsync();
    }

    [Fact]
    public async Task Status_tells_subclusters_apart()
    {
        var (disk, _) = await OverlayAsync();
        await using var __ = disk;
        await disk.WriteAsync(Subcluster, Subcluster, 1);
        await disk.Node.WriteZeroesAsync(4 * Subcluster, 3 * Subcluster, ZeroFlags.None, default);
        var all = await StatusAsync(disk);
        Assert.Equal(
            [
                (Subcluster, BlockStatusFlags.OffsetValid), (Subcluster, Data), (2 * Subcluster, BlockStatusFlags.OffsetValid),
                (3 * Subcluster, Zero), (25 * Subcluster, BlockStatusFlags.OffsetValid)],
            all[..5]);
        Assert.Equal(BlockStatusFlags.None, all[5].Flags & ~BlockStatusFlags.Eof);
    }

    [SkippableTheory]
    [InlineData(
        "write -P 1 4k 2k", "write -z 40k 4k", "write -z 64k 4k", "write -c 128k 64k", "write -P 2 196k 6k", "discard 192k 64k")]
    [InlineData("write -c -P 3 0 64k", "write -z 3k 1k", "write -P 9 10k 100", "write -z 64k 64k", "write -P 4 100k 64k")]
    public async Task Status_is_what_qemu_maps(params string[] commands)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        qemu.Img("create", "-f", "qcow2", "-o", "extended_l2=on", "a.qcow2", "1M");
        qemu.Io("a.qcow2", commands);
        await using var disk = await TestDisk.OpenAsync(qemu.Load("a.qcow2"), readOnly: true);
        var ours = (await StatusAsync(disk)).Select(
            s =>
                (s.Bytes, s.Flags.HasFlag(BlockStatusFlags.Allocated), s.Flags.HasFlag(BlockStatusFlags.Data), s.Flags
                    .HasFlag(BlockStatusFlags.OffsetValid)));
        var theirs = System.Text.Json.JsonDocument.Parse(qemu.Img("map", "--output=json", "a.qcow2")).RootElement.EnumerateArray()
            .Select(
                e =>
                    (
                        e.GetProperty("length").GetInt64(), e.GetProperty("present").GetBoolean(),
                        e.GetProperty("data").GetBoolean(), e.TryGetProperty("offset", out var _)));
        Assert.Equal(theirs, ours);
    }

    [SkippableFact]
    public async Task A_snapshot_keeps_its_subclusters_when_they_are_written_again()
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        qemu.Img("create", "-f", "qcow2", "-o", "extended_l2=on", "a.qcow2", "1M");
        qemu.Io("a.qcow2", "write -P 1 4k 2k", "write -P 2 20k 2k", "write -z 30k 2k", "write -c -P 9 128k 64k");
        var before = qemu.Content("a.qcow2");
        qemu.Img("snapshot", "-c", "s", "a.qcow2");
        var storage = qemu.Load("a.qcow2");
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            await disk.WriteAsync(10_000, 1000, 0x42);
            await disk.WriteAsync(31_000, 100, 0x43);
            await disk.WriteAsync(130_000, 100, 0x44);
        }
        qemu.Save(storage, "a.qcow2");
        qemu.AssertSound("a.qcow2");
        var now = before.ToArray();
        now.AsSpan(10_000, 1000).Fill(0x42);
        now.AsSpan(31_000, 100).Fill(0x43);
        now.AsSpan(130_000, 100).Fill(0x44);
        Assert.Equal(now, qemu.Content("a.qcow2"));
        qemu.Img("snapshot", "-a", "s", "a.qcow2");
        Assert.Equal(before, qemu.Content("a.qcow2"));
    }

    [SkippableTheory]
    [InlineData(0x1_0000_0001UL, true)]
    [InlineData(1UL, false)]
    public async Task A_contradictory_bitmap_is_found_and_refused(ulong bitmap, bool hasHost)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var storage = await TestDisk.CreateAsync(1 << 20, Extended);
        long l2;
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            await disk.WriteAsync(0, 10, 5);
            await disk.FlushAsync();
            l2 = BinaryPrimitives.ReadInt64BigEndian(storage.Read(0x30000, 8)) & 0xffffffffffff00;
        }
        var entry = new byte[16];
        storage.Read(l2, 8).CopyTo(entry, 0);
        if (!hasHost) entry.AsSpan().Clear();
        BinaryPrimitives.WriteUInt64BigEndian(entry.AsSpan(8), bitmap);
        storage.Write(l2, entry);
        qemu.Save(storage, "a.qcow2");
        var theirs = qemu.Check("a.qcow2").GetProperty("corruptions").GetInt64();
        await using var broken = await TestDisk.OpenAsync(storage, readOnly: true);
        Assert.Equal(theirs, (await broken.CheckAsync()).Corruptions);
        await Assert.ThrowsAsync<BlockException>(() => broken.ReadAsync(0, 512));
    }

    private static async Task<(TestDisk Disk, RecordingChild Recorder)> OverlayAsync()
    {
        RecordingChild? recorder = null;
        var disk = await TestDisk.OpenAsync(
            await TestDisk.CreateAsync(8 * Cluster, Extended),
            backing: Backing,
            wrap: inner => recorder = new RecordingChild(inner));
        return (disk, recorder!);
    }

    private static async Task<List<(long Bytes, BlockStatusFlags Flags)>> StatusAsync(TestDisk disk)
    {
        var all = new List<(long Bytes, BlockStatusFlags Flags)>();
        for (var at = 0L; at < disk.Length;)
        {
            var status = await disk.Node.GetStatusAsync(at, disk.Length - at, StatusPrecision.WantZero, default);
            all.Add((status.Bytes, status.Flags));
            at += status.Bytes;
        }
        return all;
    }
}
