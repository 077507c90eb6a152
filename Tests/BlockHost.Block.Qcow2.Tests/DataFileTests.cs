// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>Images whose guest data lies in a file of its own.</summary>
public sealed class DataFileTests
{
    private const int Cluster = 65536;
    private const string Raw = """{"data-file-raw": true}""";

    [SkippableTheory]
    [InlineData("data_file=d.raw")]
    [InlineData("data_file=d.raw,data_file_raw=on")]
    [InlineData("data_file=d.raw,preallocation=metadata")]
    [InlineData("data_file=d.raw,extended_l2=on")]
    [InlineData("data_file=d.raw,cluster_size=512")]
    public async Task An_image_that_qemu_made_reads_the_same_here(string options)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        qemu.Img("create", "-f", "qcow2", "-o", options, "a.qcow2", "5M");
        qemu.Run(
            "qemu-io",
            [
                "-c", "write -P 1 0 700k", "-c", "write -P 2 1234k 77k", "-c", "write -z 2M 100k", "-c", "discard 128k 64k",
                "a.qcow2"]);
        var expected = qemu.Content("a.qcow2");
        await using var disk = await OpenAsync(qemu.Load("a.qcow2"), qemu.Load("d.raw"), readOnly: true);
        Assert.Equal(expected, await disk.ReadAsync(0, expected.Length));
        await disk.AssertSoundAsync();
    }

    [SkippableTheory]
    [InlineData("{}", false)]
    [InlineData(Raw, false)]
    [InlineData("""{"cluster-size": 4096}""", false)]
    [InlineData("""{"extended-l2": true}""", false)]
    [InlineData("""{"preallocation": "full"}""", false)]
    [InlineData("""{"backing-file": "base.raw", "backing-fmt": "raw"}""", true)]
    [InlineData("""{"backing-file": "base.raw", "backing-fmt": "raw", "extended-l2": true, "lazy-refcounts": true}""", true)]
    public async Task Random_operations_match_a_model_and_qemu_agrees(string options, bool hasBacking)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        foreach (var seed in Seeds.All)
        {
            var model = new RandomOperations(seed, (4 << 20) + 512);
            if (!hasBacking) model.Content.AsSpan().Clear();
            File.WriteAllBytes(qemu.Path("base.raw"), model.Backing);
            var data = new MemoryImage();
            var storage = await TestDisk.CreateAsync(model.Content.Length, options, dataFile: Child(data, qemu));
            for (var session = 0; session < 3; session++)
            {
                var backing = hasBacking ? new MemoryChild(new MemoryImage(model.Backing), "backing") { ReadOnly = true } : null;
                await using (var disk = await OpenAsync(storage, data, backing: backing))
                    await model.RunAsync(disk, 50);
                Assert.True(data.Length == model.Content.Length, "the data file is as long as the disk");
                if (options == Raw) Assert.Equal(model.Content, data.Read(0, (int)data.Length));
                qemu.Save(storage, "a.qcow2");
                qemu.Save(data, "d.raw");
                qemu.AssertSound("a.qcow2");
                Assert.Equal(model.Content, qemu.Content("a.qcow2"));
            }
        }
    }

    [Fact]
    public async Task Clusters_lie_where_the_guest_has_them()
    {
        var data = new MemoryImage();
        var storage = await TestDisk.CreateAsync(1 << 20, dataFile: Child(data));
        await using var disk = await OpenAsync(storage, data);
        await disk.WriteAsync(10 * Cluster, 100, 3);
        await disk.WriteAsync(0, 100, 4);
        Assert.Equal((3, 4), (data.Read(10 * Cluster, 1)[0], data.Read(0, 1)[0]));
        var first = await disk.Node.GetStatusAsync(0, 1 << 20, StatusPrecision.WantZero, default);
        Assert.Equal((Cluster, 0L, "data-file"), (first.Bytes, first.HostOffset, first.Source!.Name));
        var later = await disk.Node.GetStatusAsync(10 * Cluster, 1 << 19, StatusPrecision.WantZero, default);
        Assert.Equal((Cluster, 10L * Cluster), (later.Bytes, later.HostOffset));
    }

    [Fact]
    public async Task A_raw_file_is_taken_over_with_its_content_and_follows_every_size()
    {
        var data = new MemoryImage(TestDisk.Filled(1 << 20, 7));
        var storage = await TestDisk.CreateAsync(1 << 20, Raw, dataFile: Child(data));
        await using var disk = await OpenAsync(storage, data);
        Assert.Equal(TestDisk.Filled(1 << 20, 7), await disk.ReadAsync(0, 1 << 20));
        await disk.Facet<IResizable>().ResizeAsync(3 << 20, new ResizeOptions(), default);
        Assert.Equal(3 << 20, data.Length);
        await disk.WriteAsync(1 << 20, 2 << 20, 8);
        await disk.Facet<IResizable>().ResizeAsync((1 << 20) + 512, new ResizeOptions(), default);
        Assert.Equal((1 << 20) + 512, data.Length);

        // Whatever somebody else leaves behind the end is not shown.
        data.Write(2 << 20, TestDisk.Filled(512, 9));
        await disk.Facet<IResizable>().ResizeAsync(3 << 20, new ResizeOptions(), default);
        var expected = new byte[3 << 20];
        expected.AsSpan(0, 1 << 20).Fill(7);
        expected.AsSpan(1 << 20, 512).Fill(8);
        Assert.Equal(expected, await disk.ReadAsync(0, 3 << 20));
        Assert.Equal(expected, data.Read(0, 3 << 20));
        await disk.AssertSoundAsync();
    }

    [Theory]
    [InlineData("""{"pass-discard-request": true}""")]
    [InlineData("""{"pass-discard-request": false}""")]
    public async Task A_raw_file_reads_as_the_guest_does_after_a_discard(string options)
    {
        var data = new MemoryImage();
        var storage = await TestDisk.CreateAsync(1 << 20, Raw, dataFile: Child(data));
        await using var disk = await OpenAsync(storage, data, options: options);
        await disk.WriteAsync(0, 1 << 20, 5);
        await disk.Node.DiscardAsync(Cluster, 2 * Cluster, default);
        await disk.Node.WriteZeroesAsync(5 * Cluster, 100_000, ZeroFlags.None, default);
        await disk.Node.WriteZeroesAsync(9 * Cluster, 100_000, ZeroFlags.MayUnmap, default);
        Assert.Equal(await disk.ReadAsync(0, 1 << 20), data.Read(0, 1 << 20));
        Assert.Equal(0, data.Read(Cluster, 1)[0]);
    }

    [Theory]
    [InlineData("""{"pass-discard-request": true}""", 0)]
    [InlineData("""{"pass-discard-request": false}""", 5)]
    public async Task A_discard_reaches_the_data_file_where_it_is_passed_on(string options, byte left)
    {
        var data = new MemoryImage();
        var storage = await TestDisk.CreateAsync(1 << 20, dataFile: Child(data));
        await using var disk = await OpenAsync(storage, data, options: options);
        await disk.WriteAsync(0, 1 << 20, 5);
        await disk.Node.DiscardAsync(Cluster, Cluster, default);
        Assert.Equal((0, left), ((await disk.ReadAsync(Cluster, 1))[0], data.Read(Cluster, 1)[0]));

        // Old bytes around a new write stay hidden.
        await disk.WriteAsync(Cluster + 100, 10, 6);
        var expected = new byte[Cluster];
        expected.AsSpan(100, 10).Fill(6);
        Assert.Equal(expected, await disk.ReadAsync(Cluster, Cluster));
    }

    [Fact]
    public async Task Data_is_durable_before_the_entries_that_show_it()
    {
        var data = new MemoryImage();
        var storage = await TestDisk.CreateAsync(1 << 20, dataFile: Child(data));
        var order = new List<string>();
        var file = new Noting(Child(data), order);
        await using var disk = await TestDisk.OpenAsync(storage, wrap: child => new Noting(child, order), dataFile: file);
        await disk.WriteAsync(0, Cluster, 5);
        order.Clear();
        await disk.FlushAsync();
        Assert.True(order.IndexOf("data-file Flush") < order.LastIndexOf("file Write"), string.Join('\n', order));
        Assert.Contains("data-file Flush", order);
    }

    [Theory]
    [InlineData("""{"data-file-raw": true}""", false, "data-file-raw requires data-file")]
    [InlineData(
        """{"version": "v2"}""",
        true,
        "External data files are only supported with compatibility level 1.1 and above (use version=v3 or greater)")]
    [InlineData(
        """{"data-file-raw": true, "backing-file": "b"}""",
        true,
        "Backing file and data-file-raw cannot be used at the same time")]
    public async Task A_contradictory_create_option_is_refused(string options, bool hasFile, string message) =>
        Assert.Equal(
            message,
            (await Assert.ThrowsAsync<BlockException>(
                () => TestDisk.CreateAsync(1 << 20, options, dataFile: hasFile ? Child(new MemoryImage()) : null))).Message);

    [Fact]
    public async Task An_image_without_a_data_file_takes_none()
    {
        var storage = await TestDisk.CreateAsync(1 << 20);
        var refusal = await Assert.ThrowsAsync<BlockException>(
            () => OpenAsync(storage, new MemoryImage(), options: """{"data-file": "data-file"}"""));
        Assert.Equal("'data-file' can only be set for images with an external data file", refusal.Message);
    }

    [Fact]
    public async Task Facts_name_the_data_file()
    {
        var data = new MemoryImage();
        var storage = await TestDisk.CreateAsync(1 << 20, Raw, dataFile: Child(data));
        await using var disk = await OpenAsync(storage, data);
        var facts = await disk.Facet<IImageInfo>().GetFactsAsync(default);
        Assert.Equal(
            """{"compat":"1.1","compression-type":"zlib","lazy-refcounts":false,"refcount-bits":16,"data-file":"d.raw","data-file-raw":true,"corrupt":false,"extended-l2":false}""",
            facts.Specific.ToString());
    }

    private static MemoryChild Child(MemoryImage data, QemuTools? qemu = null) =>
        new(data, "data-file", BlockChildRole.Data) { FileName = qemu?.Path("d.raw") ?? "d.raw" };

    private static Task<TestDisk> OpenAsync(
        MemoryImage storage, MemoryImage data, bool readOnly = false, IBlockChild? backing = null, string options = "{}") =>
        TestDisk.OpenAsync(storage, readOnly, backing, options, dataFile: Child(data));

    private sealed class Noting(IBlockChild inner, List<string> order) : DelegatingChild(inner)
    {
        protected override ValueTask BeforeAsync(ChildOperation operation)
        {
            order.Add($"{Inner.Name} {operation.Kind}");
            return default;
        }
    }
}
