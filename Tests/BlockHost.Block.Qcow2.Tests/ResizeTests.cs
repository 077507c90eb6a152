// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>Sizes go up and down, with snapshots of other sizes beside them.</summary>
public sealed class ResizeTests
{
    [SkippableTheory]
    [InlineData("{}", 1)]
    [InlineData("""{"cluster-size": 512, "refcount-bits": 64}""", 2)]
    [InlineData("""{"extended-l2": true, "cluster-size": 16384}""", 3)]
    [InlineData("""{"cluster-size": 4096, "lazy-refcounts": true}""", 4)]
    public async Task Sizes_and_snapshots_do_not_disturb_each_other(string options, int seed)
    {
        var random = new Random(seed);
        var content = new byte[3 << 20];
        var kept = new Dictionary<string, byte[]>();
        var storage = await TestDisk.CreateAsync(content.Length, options);
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            var store = disk.Facet<ISnapshotStore>();
            for (var step = 0; step < 12; step++)
            {
                var offset = random.Next(content.Length);
                var data = TestDisk.Filled(Math.Min(content.Length - offset, 1 + random.Next(300_000)), (byte)(1 + step));
                await disk.WriteAsync(offset, data);
                data.CopyTo(content, offset);
                if (step % 4 == 1)
                {
                    await store.CreateAsync(
                        new SnapshotRecord("", $"s{step}", 0, DateTimeOffset.UnixEpoch, TimeSpan.Zero), default);
                    kept[$"s{step}"] = content.ToArray();
                }
                var size = 512 * random.Next(1000, 12_000);
                var preallocation = size > content.Length ? (PreallocationMode)random.Next(4) : PreallocationMode.Off;
                await disk.Facet<IResizable>().ResizeAsync(size, new ResizeOptions(preallocation), default);
                Array.Resize(ref content, size);
                Assert.Equal(content, await disk.ReadAsync(0, size));
                await disk.AssertSoundAsync();
            }
            foreach (var (name, then) in kept)
            {
                await store.ApplyAsync(name, default);
                Assert.Equal(then.Length, disk.Length);
                Assert.Equal(then, await disk.ReadAsync(0, then.Length));
                await disk.AssertSoundAsync();
            }
        }
        QemuTools.Require();
        using var qemu = new QemuTools();
        qemu.Save(storage, "a.qcow2");
        qemu.AssertSound("a.qcow2");
    }

    /// <summary>Other programs may write any number into the header; sectors are what a disk is made of.</summary>
    [SkippableTheory]
    [InlineData(513)]
    [InlineData(100)]
    [InlineData((1 << 20) - 1)]
    [InlineData((1 << 16) + 511)]
    public async Task A_size_between_two_sectors_ends_at_the_lower_one(int size)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        qemu.Img("create", "-f", "qcow2", "a.qcow2", "1M");
        qemu.Io("a.qcow2", "write -P 7 0 1M");
        var storage = qemu.Load("a.qcow2");
        var header = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(header, size);
        storage.Write(24, header);
        qemu.Save(storage, "a.qcow2");
        await using var disk = await TestDisk.OpenAsync(storage);
        Assert.Equal(qemu.Content("a.qcow2").Length, disk.Length);
        Assert.Equal(TestDisk.Filled((int)disk.Length, 7), await disk.ReadAsync(0, (int)disk.Length));
        await disk.Facet<IResizable>().ResizeAsync(2 << 20, new ResizeOptions(), default);
        var grown = await disk.ReadAsync(0, 2 << 20);
        Assert.Equal(size & ~511, grown.Count(b => b == 7));
        Assert.Equal((2 << 20) - (size & ~511), grown.Count(b => b == 0));
    }

    [Fact]
    public async Task What_cannot_be_had_is_refused_in_qemus_words()
    {
        await using var disk = await TestDisk.NewAsync(1 << 20, """{"cluster-size": 512}""");
        var resize = disk.Facet<IResizable>();
        Assert.Equal("The new size must be a multiple of 512", await RefusalAsync(1000));
        Assert.Equal("Failed to grow the L1 table: File too large", await RefusalAsync(1L << 40));
        await disk.AssertSoundAsync();

        async Task<string> RefusalAsync(long size) =>
            (await Assert.ThrowsAsync<BlockException>(
                async () => await resize.ResizeAsync(size, new ResizeOptions(), default))).Message;
    }
}
