// SPDX-License-Identifier: MIT
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
                    await store.CreateAsync(new SnapshotRecord("", $"s{step}", 0, DateTimeOffset.UnixEpoch, TimeSpan.Zero), default);
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

    [Fact]
    public async Task What_cannot_be_had_is_refused_in_qemus_words()
    {
        await using var disk = await TestDisk.NewAsync(1 << 20, """{"cluster-size": 512}""");
        var resize = disk.Facet<IResizable>();
        Assert.Equal("The new size must be a multiple of 512", await RefusalAsync(1000));
        Assert.Equal("Failed to grow the L1 table: File too large", await RefusalAsync(1L << 40));
        await disk.AssertSoundAsync();

        async Task<string> RefusalAsync(long size) =>
            (await Assert.ThrowsAsync<BlockException>(async () => await resize.ResizeAsync(size, new ResizeOptions(), default))).Message;
    }
}
