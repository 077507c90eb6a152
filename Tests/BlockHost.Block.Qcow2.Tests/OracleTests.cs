// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>Images cross between this driver and QEMU's tools in both directions.</summary>
[Trait("speed", "slow")]
public sealed class OracleTests
{
    private const int Cluster = 65536;

    /// <summary>A sample; BLOCKHOST_SEEDS asks for more.</summary>
    [SkippableTheory]
    [InlineData("compat=1.1")]
    [InlineData("compat=0.10")]
    [InlineData("cluster_size=512")]
    [InlineData("cluster_size=2M")]
    [InlineData("refcount_bits=1")]
    [InlineData("refcount_bits=64,cluster_size=1k")]
    [InlineData("preallocation=metadata")]
    [InlineData("compression_type=zstd")]
    [InlineData("extended_l2=on")]
    [InlineData("extended_l2=on,cluster_size=16k,refcount_bits=8")]
    [InlineData("lazy_refcounts=on")]
    public async Task An_image_that_qemu_made_reads_the_same_here(string options)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        qemu.Img("create", "-f", "qcow2", "-o", options, "a.qcow2", "5M");
        var zero = options == "compat=0.10" ? "write -P 0 2M 100k" : "write -z 2M 100k";
        qemu.Io("a.qcow2", "write -P 1 0 700k", "write -P 2 1234k 77k", zero, "discard 128k 64k");

        // QEMU compresses whole clusters, and only where nothing is allocated.
        if (options != "cluster_size=2M"
            && options != "preallocation=metadata") qemu.Io("a.qcow2", "write -c -P 7 3M 64k", "write -c -P 8 3136k 64k");
        var expected = qemu.Content("a.qcow2");
        await using var disk = await TestDisk.OpenAsync(qemu.Load("a.qcow2"), readOnly: true);
        Assert.Equal(expected, await disk.ReadAsync(0, expected.Length));
        Assert.Equal(expected[700_000..800_001], await disk.ReadAsync(700_000, 100_001));
        await disk.AssertSoundAsync();
    }

    [SkippableTheory]
    [InlineData("{}")]
    [InlineData("""{"version": "v2"}""")]
    [InlineData("""{"cluster-size": 512, "refcount-bits": 64}""")]
    [InlineData("""{"cluster-size": 2097152, "refcount-bits": 1}""")]
    [InlineData("""{"preallocation": "metadata"}""")]
    [InlineData("""{"preallocation": "full", "cluster-size": 4096}""")]
    [InlineData("""{"compression-type": "zstd", "lazy-refcounts": true}""")]
    [InlineData("""{"extended-l2": true}""")]
    [InlineData("""{"extended-l2": true, "cluster-size": 16384, "preallocation": "metadata"}""")]
    [InlineData("""{"extended-l2": true, "cluster-size": 2097152}""")]
    public async Task An_image_made_here_is_sound_and_reads_the_same_in_qemu(string options)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var storage = await TestDisk.CreateAsync(9 << 20, options);
        qemu.Save(storage, "empty.qcow2");
        qemu.AssertSound("empty.qcow2");

        var expected = new byte[9 << 20];
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            var random = new Random(7);
            for (var i = 0; i < 40; i++)
            {
                var data = new byte[random.Next(1, 200_000)];
                random.NextBytes(data);
                var offset = random.Next(expected.Length - data.Length);
                data.CopyTo(expected, offset);
                await disk.WriteAsync(offset, data);
            }
        }
        qemu.Save(storage, "full.qcow2");
        qemu.AssertSound("full.qcow2");
        Assert.Equal(expected, qemu.Content("full.qcow2"));
    }

    [SkippableFact]
    public async Task Writing_into_an_image_with_a_snapshot_leaves_the_snapshot_alone()
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        qemu.Img("create", "-f", "qcow2", "a.qcow2", "5M");
        qemu.Io("a.qcow2", "write -P 1 0 1M", "write -c -P 9 2M 64k");
        var before = qemu.Content("a.qcow2");
        qemu.Img("snapshot", "-c", "s", "a.qcow2");
        var storage = qemu.Load("a.qcow2");
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            await disk.WriteAsync(100_000, 300_000, 0x42);
            await disk.WriteAsync((2 << 20) + 100, 10, 0x43);
            await disk.Node.DiscardAsync(512 << 10, 128 << 10, default);
            await disk.Node.WriteZeroesAsync(768 << 10, 128 << 10, ZeroFlags.None, default);
            await disk.FlushAsync();
            await disk.AssertSoundAsync();
        }
        qemu.Save(storage, "a.qcow2");
        qemu.AssertSound("a.qcow2");
        var now = before.ToArray();
        now.AsSpan(100_000, 300_000).Fill(0x42);
        now.AsSpan((2 << 20) + 100, 10).Fill(0x43);
        now.AsSpan(512 << 10, 128 << 10).Clear();
        now.AsSpan(768 << 10, 128 << 10).Clear();
        Assert.Equal(now, qemu.Content("a.qcow2"));
        qemu.Img("snapshot", "-a", "s", "a.qcow2");
        Assert.Equal(before, qemu.Content("a.qcow2"));
        qemu.AssertSound("a.qcow2");
    }

    [SkippableTheory]
    [InlineData("{}")]
    [InlineData("""{"cluster-size": 512, "refcount-bits": 64}""")]
    [InlineData("""{"version": "v2", "cluster-size": 4096}""")]
    [InlineData("""{"lazy-refcounts": true, "refcount-bits": 1, "cluster-size": 16384}""")]
    [InlineData("""{"extended-l2": true}""")]
    [InlineData("""{"extended-l2": true, "cluster-size": 16384, "refcount-bits": 64}""")]
    [InlineData("""{"extended-l2": true, "cluster-size": 1048576}""")]
    [InlineData("""{"compression-type": "zstd", "refcount-bits": 2, "cluster-size": 8192}""")]
    [InlineData("""{"extended-l2": true, "compression-type": "zstd", "lazy-refcounts": true, "cluster-size": 32768}""")]
    public async Task Random_operations_on_an_overlay_match_a_model_and_qemu_agrees(string options)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        foreach (var seed in Seeds.All)
        {
            var model = new RandomOperations(seed, 4 << 20);
            File.WriteAllBytes(qemu.Path("base.raw"), model.Backing);
            var create = options == "{}"
                ? """{"backing-file": "base.raw", "backing-fmt": "raw"}"""
                : options[..^1] + """, "backing-file": "base.raw", "backing-fmt": "raw"}""";
            var storage = await TestDisk.CreateAsync(4 << 20, create);
            for (var session = 0; session < 3; session++)
            {
                var backing = new MemoryChild(new MemoryImage(model.Backing), "backing") { ReadOnly = true };
                await using (var disk = await TestDisk.OpenAsync(storage, backing: backing))
                    await model.RunAsync(disk, 60);
                qemu.Save(storage, "over.qcow2");
                qemu.AssertSound("over.qcow2");
                Assert.Equal(model.Content, qemu.Content("over.qcow2"));
            }
        }
    }

    [SkippableTheory]
    [InlineData("{}")]
    [InlineData("""{"cluster-size": 512, "refcount-bits": 16}""")]
    [InlineData("""{"extended-l2": true, "cluster-size": 16384}""")]
    public async Task Resizing_up_and_down_keeps_what_remains(string options)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var storage = await TestDisk.CreateAsync(1 << 20, options);
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            await disk.WriteAsync(0, 1 << 20, 0x11);
            var resize = disk.Facet<IResizable>();
            await resize.ResizeAsync(600L << 20, new ResizeOptions(), default);
            await disk.WriteAsync(500 << 20, 100_000, 0x22);
            await resize.ResizeAsync((700 << 10) + 512, new ResizeOptions(), default);
            await resize.ResizeAsync(8 << 20, new ResizeOptions(), default);
            Assert.Equal(8 << 20, disk.Length);
            await disk.AssertSoundAsync();
        }
        qemu.Save(storage, "a.qcow2");
        qemu.AssertSound("a.qcow2");
        var expected = new byte[8 << 20];
        expected.AsSpan(0, (700 << 10) + 512).Fill(0x11);
        Assert.Equal(expected, qemu.Content("a.qcow2"));
        Assert.True(storage.Length < 2 << 20, $"the file did not shrink: {storage.Length}");
    }

    [SkippableFact]
    public async Task A_grown_refcount_table_is_sound()
    {
        QemuTools.Require();
        using var qemu = new QemuTools();

        // One refcount table cluster covers 2 MiB here.
        var storage = await TestDisk.CreateAsync(24 << 20, """{"cluster-size": 512, "refcount-bits": 64}""");
        await using (var disk = await TestDisk.OpenAsync(storage))
            await disk.WriteAsync(0, 20 << 20, 0x66);
        qemu.Save(storage, "a.qcow2");
        qemu.AssertSound("a.qcow2");
    }

    [SkippableFact]
    public async Task The_largest_L1_table_is_grown_to_and_no_further()
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var storage = await TestDisk.CreateAsync(1 << 20, """{"cluster-size": 512}""");
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            await disk.WriteAsync(100, 10_000, 1);
            var resize = disk.Facet<IResizable>();
            await resize.ResizeAsync(128L << 30, new ResizeOptions(), default);
            await disk.WriteAsync((128L << 30) - 512, 512, 2);
            var refusal = await Assert.ThrowsAsync<BlockException>(
                () => resize.ResizeAsync((128L << 30) + 512, new ResizeOptions(), default).AsTask());
            Assert.Equal(("Failed to grow the L1 table: File too large", Errno.EFBIG), (refusal.Message, refusal.Errno));
            await disk.AssertSoundAsync();
        }
        qemu.Save(storage, "a.qcow2");
        qemu.AssertSound("a.qcow2");
        qemu.Io("a.qcow2", "read -P 1 100 10000", $"read -P 2 {(128L << 30) - 512} 512");
        Assert.InRange(storage.Length, 32 << 20, 48 << 20);
    }

    [SkippableFact]
    public async Task The_check_finds_what_qemu_finds()
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        qemu.Img("create", "-f", "qcow2", "a.qcow2", "10M");
        qemu.Io("a.qcow2", "write -P 1 0 1M", "write -z 2M 1M", "write -c -P 3 5M 64k", "discard 0 64k");
        qemu.Img("snapshot", "-c", "s", "a.qcow2");
        qemu.Io("a.qcow2", "write -P 4 512k 128k");
        foreach (var (offset, value) in new (int, byte)[] {
            (-1, 0), (0x20000 + 11, 0), (0x20000 + 11, 7), (0x20000 + 101, 1), (0x20000 + 3, 0), (0x40000, 0x80) })
        {
            var image = qemu.Load("a.qcow2");
            if (offset >= 0) image.Write(offset, new[] { value });
            qemu.Save(image, "b.qcow2");
            var theirs = qemu.Check("b.qcow2");
            await using var disk = await TestDisk.OpenAsync(image, readOnly: true);
            var ours = await disk.CheckAsync();
            Assert.True(
                Number(theirs, "corruptions") == ours.Corruptions && Number(theirs, "leaks") == ours.Leaks,
                $"{offset:x} {theirs}\n{string.Join('\n', ours.Messages)}");
            Assert.Equal(Number(theirs, "image-end-offset"), ours.ImageEndOffset);
            Assert.Equal(Number(theirs, "total-clusters"), ours.TotalClusters);
            Assert.Equal(Number(theirs, "allocated-clusters"), ours.AllocatedClusters);
            Assert.Equal(Number(theirs, "fragmented-clusters"), ours.FragmentedClusters);
            Assert.Equal(Number(theirs, "compressed-clusters"), ours.CompressedClusters);
        }

        static long Number(System.Text.Json.JsonElement check, string name) =>
            check.TryGetProperty(name, out var value) ? value.GetInt64() : 0;
    }

    [SkippableTheory]
    [InlineData(0x20000 + 15, 0)]
    [InlineData(0x20000 + 15, 7)]
    [InlineData(0x20000 + 3, 0)]
    [InlineData(0x10005, 0)]
    [InlineData(0x10007, 3)]
    [InlineData(0x40008, 0)]
    public async Task A_repaired_image_is_sound_for_qemu_and_keeps_its_content(int offset, byte value)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        qemu.Img("create", "-f", "qcow2", "a.qcow2", "10M");
        qemu.Io("a.qcow2", "write -P 1 0 1M", "write -c -P 3 5M 64k", "discard 0 64k");
        var content = qemu.Content("a.qcow2");
        var image = qemu.Load("a.qcow2");
        image.Write(offset, new[] { value });
        await using (var disk = await TestDisk.OpenAsync(image))
        {
            var result = await disk.CheckAsync(CheckRepair.Errors | CheckRepair.Leaks);
            Assert.True(result.CorruptionsFixed + result.LeaksFixed > 0, string.Join('\n', result.Messages));
            await disk.CheckAsync(CheckRepair.Errors | CheckRepair.Leaks);
            await disk.AssertSoundAsync();
            await disk.WriteAsync(8 << 20, 100_000, 5);
        }
        qemu.Save(image, "b.qcow2");
        qemu.AssertSound("b.qcow2");
        content.AsSpan(8 << 20, 100_000).Fill(5);
        Assert.Equal(content, qemu.Content("b.qcow2"));
    }

    [SkippableFact]
    public async Task A_dirty_image_is_repaired_when_it_is_opened_for_writing()
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        qemu.Img("create", "-f", "qcow2", "-o", "lazy_refcounts=on", "a.qcow2", "10M");
        qemu.Run("qemu-io", ["-c", "write -P 1 0 1M", "-c", "abort", "a.qcow2"], 134);
        var image = qemu.Load("a.qcow2");
        Assert.Equal(1, image.Read(79, 1)[0]);
        await using (var disk = await TestDisk.OpenAsync(image))
            Assert.Equal(TestDisk.Filled(1 << 20, 1), await disk.ReadAsync(0, 1 << 20));
        Assert.Equal(0, image.Read(79, 1)[0]);
        qemu.Save(image, "b.qcow2");
        qemu.AssertSound("b.qcow2");
    }
}
