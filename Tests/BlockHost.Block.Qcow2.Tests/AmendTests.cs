// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>Amended images keep their content, at every power cut, and are what qemu-img amend makes of them.</summary>
public sealed class AmendTests
{
    private const int Size = 3 << 20;

    [Theory]
    [InlineData("{}", """{"refcount-bits": 64}""")]
    [InlineData("{}", """{"refcount-bits": 1}""")]
    [InlineData("""{"cluster-size": 512, "refcount-bits": 1}""", """{"refcount-bits": 64}""")]
    [InlineData("""{"version": "v2"}""", """{"version": "v3"}""")]
    [InlineData(
        """{"version": "v2", "cluster-size": 1024}""", """{"version": "v3", "refcount-bits": 8, "lazy-refcounts": true}""")]
    [InlineData("{}", """{"version": "v2"}""")]
    [InlineData("""{"compression-type": "zstd"}""", """{"version": "v2"}""")]
    [InlineData("""{"lazy-refcounts": true, "cluster-size": 4096}""", """{"version": "v2"}""")]
    [InlineData("""{"refcount-bits": 64, "cluster-size": 4096}""", """{"version": "v2", "refcount-bits": 16}""")]
    [InlineData("""{"lazy-refcounts": true}""", """{"lazy-refcounts": false}""")]
    [InlineData("{}", """{"size": 4194304}""")]
    public async Task A_power_cut_leaves_the_old_image_or_the_new_one(string create, string amend)
    {
        var storage = await TestDisk.CreateAsync(Size, create);
        await using (var disk = await TestDisk.OpenAsync(storage))
            await FillAsync(disk);
        byte[] content;
        await using (var disk = await TestDisk.OpenAsync(storage, readOnly: true))
            content = await disk.ReadAsync(0, Size);

        storage.TrackDurability = true;
        var cuts = new PowerCuts(storage, PowerCuts.SameContent(content));
        await using (var disk = await TestDisk.OpenAsync(storage, wrap: cuts.Wrap))
        {
            cuts.Armed = true;
            await AmendAsync(disk, amend);
            cuts.Armed = false;
            await PowerCuts.SameContent(content)(disk);
            await disk.WriteAsync(100_000, 50_000, 0x77);
            await disk.FlushAsync();
            await disk.AssertSoundAsync();
        }
        Assert.True(cuts.Cuts > 0);
        QemuSound(storage);
    }

    [SkippableTheory]
    [InlineData("compat=0.10", """{"version": "v2"}""")]
    [InlineData("refcount_bits=64", """{"refcount-bits": 64}""")]
    [InlineData("refcount_bits=2", """{"refcount-bits": 2}""")]
    [InlineData("refcount_bits=1", """{"refcount-bits": 1}""")]
    [InlineData("compat=0.10,refcount_bits=8", """{"version": "v2", "refcount-bits": 8}""")]
    [InlineData("compat=0.10,lazy_refcounts=on", """{"version": "v2", "lazy-refcounts": true}""")]
    [InlineData("lazy_refcounts=on", """{"lazy-refcounts": true}""")]
    [InlineData("lazy_refcounts=off", """{"lazy-refcounts": false}""")]
    [InlineData("size=8M", """{"size": 8388608}""")]
    [InlineData("size=1000", """{"size": 1000}""")]
    [InlineData("compat=0.10,size=8M", """{"version": "v2", "size": 8388608}""")]
    [InlineData("refcount_bits=3", """{"refcount-bits": 3}""")]
    [InlineData("compat=1.2", """{"version": "1.2"}""")]
    [InlineData("backing_file=x", """{"backing-file": "x"}""")]
    [InlineData("data_file=x", """{"data-file": "x"}""")]
    [InlineData("data_file_raw=on", """{"data-file-raw": true}""")]
    public async Task Qemu_amends_an_image_with_snapshots_the_same_way(string line, string json)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        qemu.Img("create", "-f", "qcow2", "a.qcow2", "5M");
        qemu.Io("a.qcow2", "write -P 1 0 1M", "write -c -P 9 2M 64k", "write -z 3M 256k");
        qemu.Img("snapshot", "-c", "one", "a.qcow2");
        qemu.Io("a.qcow2", "write -P 2 512k 128k", "write -z 0 192k", "discard 2M 64k", "write -z -u 768k 64k");
        qemu.Img("snapshot", "-c", "two", "a.qcow2");
        qemu.Io("a.qcow2", "write -P 3 3M 64k");
        var content = qemu.Content("a.qcow2");
        var image = qemu.Load("a.qcow2");
        qemu.Save(image, "before.qcow2");

        var (code, error) = qemu.Try("qemu-img", "amend", "-o", line, "a.qcow2");
        await using (var disk = await TestDisk.OpenAsync(image))
        {
            if (code == 0)
            {
                await AmendAsync(disk, json);
                await disk.AssertSoundAsync();
            }
            else
            {
                var e = await Assert.ThrowsAsync<BlockException>(() => AmendAsync(disk, json));
                Assert.Equal(error.Trim(), $"qemu-img: {e.Message}{(e.Hint is null ? "" : $"\n{e.Hint}")}");
                await disk.AssertSoundAsync();
            }
        }
        qemu.Save(image, "b.qcow2");
        qemu.AssertSound("b.qcow2");

        // Where QEMU refuses half way it leaves the image half amended; here a refusal changes nothing.
        Assert.Equal(Facts(qemu, code == 0 ? "a.qcow2" : "before.qcow2"), Facts(qemu, "b.qcow2"));
        var now = qemu.Content("b.qcow2");
        Assert.Equal(content, now[..content.Length]);
        Assert.DoesNotContain(now[content.Length..], b => b != 0);

        // The snapshots as well, beside the image before: when QEMU downgrades, it zeroes clusters that snapshots share.
        if (line == "refcount_bits=2") return;
        foreach (var snapshot in new[] { "one", "two" })
        {
            qemu.Img("snapshot", "-a", snapshot, "before.qcow2");
            qemu.Img("snapshot", "-a", snapshot, "b.qcow2");
            Assert.Equal(qemu.Content("before.qcow2"), qemu.Content("b.qcow2"));
        }
        qemu.AssertSound("b.qcow2");
    }

    [SkippableFact]
    public async Task A_downgraded_overlay_hides_the_backing_file_where_it_was_zero()
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        File.WriteAllBytes(qemu.Path("base.raw"), TestDisk.Filled(Size, 0x5a));
        qemu.Img("create", "-f", "qcow2", "-b", "base.raw", "-F", "raw", "a.qcow2");
        qemu.Io("a.qcow2", "write -P 1 0 1M", "write -z 2M 256k", "write -z -u 128k 64k");
        qemu.Img("snapshot", "-c", "one", "a.qcow2");
        qemu.Io("a.qcow2", "write -z 512k 256k", "write -z -u 2560k 64k");
        var content = qemu.Content("a.qcow2");
        var image = qemu.Load("a.qcow2");
        qemu.Save(image, "before.qcow2");
        var backing = new MemoryChild(new MemoryImage(TestDisk.Filled(Size, 0x5a)), "backing") { ReadOnly = true };
        await using (var disk = await TestDisk.OpenAsync(image, backing: backing))
        {
            await AmendAsync(disk, """{"version": "v2"}""");
            Assert.Equal(content, await disk.ReadAsync(0, Size));
            await disk.AssertSoundAsync();
        }
        qemu.Save(image, "b.qcow2");
        qemu.AssertSound("b.qcow2");
        Assert.Equal(content, qemu.Content("b.qcow2"));
        qemu.Img("snapshot", "-a", "one", "before.qcow2");
        qemu.Img("snapshot", "-a", "one", "b.qcow2");
        Assert.Equal(qemu.Content("before.qcow2"), qemu.Content("b.qcow2"));
    }

    [Fact]
    public async Task Progress_grows_to_the_whole()
    {
        await using var disk = await TestDisk.NewAsync(Size);
        await disk.WriteAsync(0, Size, 1);
        var seen = new List<(long Done, long Total)>();
        await disk.Facet<IImageAmend>().AmendAsync(
            JsonDocument.Parse("""{"refcount-bits": 8, "size": 4194304}""").RootElement,
            force: false,
            new Collector(seen),
            default);
        Assert.Equal(seen.OrderBy(p => p.Done), seen);
        Assert.Equal(seen[^1].Total, seen[^1].Done);
        Assert.True(seen.Count > 3);
    }

    [Fact]
    public async Task A_changed_backing_name_survives_a_power_cut_at_any_point()
    {
        var name = new string('n', 700);
        var storage = await TestDisk.CreateAsync(Size, $$"""{"backing-file": "{{name}}", "backing-fmt": "raw"}""");
        storage.TrackDurability = true;
        var seen = new HashSet<string?>();
        var cuts = new PowerCuts(storage, disk =>
        {
            seen.Add(disk.Facet<IBackingFileStore>().Backing?.FileName);
            return Task.CompletedTask;
        });
        var changed = new string('x', 900);
        await using (var disk = await TestDisk.OpenAsync(storage, wrap: cuts.Wrap))
        {
            for (var round = 0; round < 20; round++)
            {
                var store = disk.Facet<IBackingFileStore>();
                cuts.Armed = true;
                await store.SetBackingAsync(new(round % 2 == 0 ? changed : name, "raw"), default);
                await store.SetBackingAsync(new(name, "raw"), default);
                cuts.Armed = false;
            }
        }
        Assert.Subset(new HashSet<string?> { name, changed }, seen);
        Assert.Equal(2, seen.Count);
    }

    private static async Task AmendAsync(TestDisk disk, string options) =>
        await disk.Facet<IImageAmend>().AmendAsync(
            JsonDocument.Parse(options).RootElement, force: false, progress: null, default);

    private static async Task FillAsync(TestDisk disk)
    {
        await disk.WriteAsync(0, 300_000, 0x11);
        await disk.WriteAsync(1 << 20, 100_000, 0x22);
        await disk.WriteAsync(2 << 20, 600_000, 0x33);
        if (disk.Storage.Read(7, 1)[0] == 3)
        {
            await disk.Node.WriteZeroesAsync(131072, 65536, ZeroFlags.None, default);
            await disk.Node.WriteZeroesAsync(2 << 20, 131072, ZeroFlags.MayUnmap, default);
        }
        await disk.FlushAsync();
    }

    private static void QemuSound(MemoryImage storage)
    {
        if (!QemuTools.Exist) return;
        using var qemu = new QemuTools();
        qemu.Save(storage, "a.qcow2");
        qemu.AssertSound("a.qcow2");
    }

    private static string Facts(QemuTools qemu, string file)
    {
        var info = JsonDocument.Parse(qemu.Img("info", "--output=json", file)).RootElement;
        return info.GetProperty("virtual-size") + info.GetProperty("format-specific").GetRawText();
    }

    private sealed class Collector(List<(long, long)> seen) : IProgress<(long Done, long Total)>
    {
        public void Report((long Done, long Total) value) => seen.Add(value);
    }
}
