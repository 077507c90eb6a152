// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>
/// Images in which data, or another table, is said to lie where metadata is: no write goes there, in QEMU's words, as
/// far as the option overlap-check says.
/// </summary>
public sealed class OverlapTests
{
    private const int Cluster = 65536;
    private const long FirstSnapshot = 64;

    /// <summary>Structures by QEMU's names, and the templates that cover them.</summary>
    public static TheoryData<string, string[]> Structures => new()
    {
        { "active L1 table", ["constant", "cached", "all"] },
        { "active L2 table", ["cached", "all"] },
        { "refcount table", ["constant", "cached", "all"] },
        { "refcount block", ["cached", "all"] },
        { "snapshot table", ["constant", "cached", "all"] },
        { "inactive L1 table", ["cached", "all"] },
        { "inactive L2 table", ["all"] },
    };

    [SkippableTheory]
    [MemberData(nameof(Structures))]
    public async Task Data_in_place_does_not_hit(string structure, string[] templates)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        foreach (var template in new[] { "none", "constant", "cached", "all" })
        {
            var image = Layout.Make(qemu);
            image.MapFirstClusterTo(image[structure]);
            Assert.Equal(
                Verdict(qemu, image.Storage, template, "write -P 9 0 512"), templates.Contains(template) ? structure : null);
            await AssertAsync(
                image.Storage,
                template,
                templates.Contains(template) ? structure : null,
                image[structure],
                d => d.WriteAsync(0, 512, 9));
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Structures))]
    public async Task A_new_cluster_is_not_taken_from(string structure, string[] templates)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        foreach (var template in new[] { "constant", "cached", "all" })
        {
            var image = Layout.Make(qemu);
            image.SetRefcount(image[structure], 0);
            if (!templates.Contains(template)) continue;
            Assert.Equal(structure, Verdict(qemu, image.Storage, template, "write -P 9 1M 64k"));
            await AssertAsync(image.Storage, template, structure, image[structure], d => d.WriteAsync(1 << 20, Cluster, 9));
        }
    }

    [SkippableFact]
    public async Task A_new_cluster_is_not_taken_from_the_header()
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var image = Layout.Make(qemu);
        image.SetRefcount(0, 0);
        Assert.Equal("qcow2_header", Verdict(qemu, image.Storage, "constant", "write -P 9 1M 64k"));
        await AssertAsync(image.Storage, "constant", "qcow2_header", 0, d => d.WriteAsync(1 << 20, Cluster, 9));
    }

    /// <summary>An L2 table that is at the same time something else would destroy it when it is changed.</summary>
    [SkippableTheory]
    [InlineData("active L1 table")]
    [InlineData("refcount table")]
    [InlineData("refcount block")]
    [InlineData("snapshot table")]
    [InlineData("inactive L1 table")]
    [InlineData("inactive L2 table")]
    public async Task A_table_that_is_changed_does_not_hit(string structure)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var image = Layout.Make(qemu);

        // Guest data behind 512 MiB goes through the second L1 entry.
        image.Storage.Write(image["active L1 table"] + 8, Bytes((1UL << 63) | (ulong)image[structure]));
        // QEMU names either of the two, whichever it would write first.
        Assert.NotNull(Verdict(qemu, image.Storage, "all", "write -P 9 1022M 64k"));
        await AssertAsync(image.Storage, "all", structure, image[structure], d => d.WriteAsync(1022 << 20, Cluster, 9));
    }

    [Theory]
    [InlineData("""{"overlap-check": "none"}""", false)]
    [InlineData("""{"overlap-check": {"template": "none", "active-l2": true}}""", true)]
    [InlineData("""{"overlap-check": {"template": "all", "active-l2": false}}""", false)]
    [InlineData("""{"overlap-check": {"active-l2": false}}""", false)]
    [InlineData("{}", true)]
    public async Task Flags_are_exceptions_to_the_template(string options, bool refused)
    {
        var storage = await TestDisk.CreateAsync(10 << 20);
        long l2;
        await using (var disk = await TestDisk.OpenAsync(storage))
            await disk.WriteAsync(0, 512, 1);
        l2 = (long)(BinaryPrimitives.ReadUInt64BigEndian(
            storage.Read(BinaryPrimitives.ReadInt64BigEndian(storage.Read(40, 8)), 8)) & ~(1UL << 63));
        storage.Write(l2, Bytes((1UL << 63) | (ulong)l2));
        var broken = await TestDisk.OpenAsync(storage, options: options);
        var write = () => broken.WriteAsync(0, 512, 9).AsTask();
        if (refused) await Assert.ThrowsAsync<BlockException>(write);
        else await write();
    }

    private static async Task AssertAsync(
        MemoryImage storage, string template, string? structure, long offset, Func<TestDisk, ValueTask> write)
    {
        var before = storage.Read(offset, Cluster);
        var disk = await TestDisk.OpenAsync(storage, options: $$"""{"overlap-check": "{{template}}"}""");
        if (structure is null)
        {
            await write(disk);
            return;
        }
        var error = await Assert.ThrowsAsync<BlockException>(() => write(disk).AsTask());
        Assert.Equal($"Image is corrupt: Preventing invalid write on metadata (overlaps with {structure})", error.Message);
        Assert.Equal(offset, error.Offset! / Cluster * Cluster);
        Assert.Equal([$"Preventing invalid write on metadata (overlaps with {structure})"], disk.Context.Corruptions);
        await disk.DisposeAsync();

        // Stopped for good, and the evidence left as it was.
        Assert.Equal(2, storage.Read(79, 1)[0] & 2);
        if (offset != 0) Assert.Equal(before, storage.Read(offset, Cluster));
    }

    /// <summary>The structure that QEMU says the write would hit, or null.</summary>
    private static string? Verdict(QemuTools qemu, MemoryImage storage, string template, string command)
    {
        qemu.Save(storage, "verdict.qcow2");
        var output = qemu.RunAll(
            "qemu-io",
            ["-c", command, "--image-opts", $"driver=qcow2,file.filename={qemu.Path("verdict.qcow2")},overlap-check={template}"],
            1);
        const string Mark = "Preventing invalid write on metadata (overlaps with ";
        var at = output.IndexOf(Mark, StringComparison.Ordinal);
        return at < 0 ? null : output[(at + Mark.Length)..output.IndexOf(')', at)];
    }

    private static byte[] Bytes(ulong value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }

    /// <summary>An image with one of each, and where they lie.</summary>
    private sealed class Layout(MemoryImage storage)
    {
        public MemoryImage Storage => storage;

        public long this[string structure] => structure switch
        {
            "active L1 table" => At(40),
            "active L2 table" => At(At(40)),
            "refcount table" => At(48),
            "refcount block" => At(At(48)),
            "snapshot table" => At(FirstSnapshot),
            "inactive L1 table" => At(At(FirstSnapshot)),
            "inactive L2 table" => At(At(At(FirstSnapshot))),
            _ => throw new ArgumentException(structure),
        };

        public static Layout Make(QemuTools qemu)
        {
            if (!File.Exists(qemu.Path("layout.qcow2")))
            {
                qemu.Img("create", "-f", "qcow2", "layout.qcow2", "1G");
                qemu.Io("layout.qcow2", "write -P 1 0 256k");
                qemu.Img("snapshot", "-c", "s", "layout.qcow2");
                qemu.Io("layout.qcow2", "write -P 2 0 64k");
            }
            return new Layout(qemu.Load("layout.qcow2"));
        }

        public void MapFirstClusterTo(long host) => storage.Write(this["active L2 table"], Bytes((1UL << 63) | (ulong)host));

        public void SetRefcount(long host, byte count) =>
            storage.Write(this["refcount block"] + (host / Cluster * 2), new byte[] { 0, count });

        private long At(long offset) =>
            (long)(BinaryPrimitives.ReadUInt64BigEndian(storage.Read(offset, 8)) & 0x00ff_ffff_ffff_fe00);
    }
}
