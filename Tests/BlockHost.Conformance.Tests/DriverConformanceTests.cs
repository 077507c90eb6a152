// SPDX-License-Identifier: MIT
using BlockHost.Conformance.Tests.Drivers;
using Xunit.Abstractions;

namespace BlockHost.Conformance.Tests;

/// <summary>The kit on every driver of the project.</summary>
public sealed class DriverConformanceTests(ITestOutputHelper output)
{
    private static readonly ConformanceOptions Options = new() { Sequences = 8 };

    [SkippableTheory]
    [InlineData("threads", false)]
    [InlineData("io_uring", false)]
    [InlineData("threads", true)]
    [InlineData("native", true)]
    [InlineData("io_uring", true)]
    public async Task File(string aio, bool direct)
    {
        using var folder = new TemporaryFolder();
        Skip.If(direct && !folder.SupportsDirect, "the file system of temporary files knows no O_DIRECT");
        await ProveAsync(FileSubjects.Make(folder, aio, direct));
    }

    [SkippableFact]
    public async Task Host_device()
    {
        using var folder = new TemporaryFolder();
        using var loop = LoopDevice.TryCreate(folder, HostDeviceSubjects.Length);
        Skip.If(loop is null, "loop devices need losetup and the right to use it");
        await ProveAsync(HostDeviceSubjects.On(loop!));
    }

    [Theory]
    [InlineData("null-co", false)]
    [InlineData("null-co", true)]
    [InlineData("null-aio", false)]
    [InlineData("null-aio", true)]
    public Task Null(string driver, bool readZeroes) => ProveAsync(NullSubjects.Of(driver, readZeroes));

    [Theory]
    [InlineData("quorum", 2)]
    [InlineData("fifo", 3)]
    public Task Quorum(string pattern, int threshold) => ProveAsync(QuorumSubjects.Make(pattern, threshold));

    [Fact]
    public Task Raw() => ProveAsync(RawSubjects.Whole());

    [Theory]
    [InlineData("")]
    [InlineData(""","align":4096,"max-transfer":65536,"opt-write-zero":8192,"max-write-zero":65536,"max-discard":8192""")]
    public Task Blkdebug(string limits) => ProveAsync(BlkdebugSubjects.WithoutRules(limits));

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public Task Blklogwrites(int sectorSize) => ProveAsync(BlklogwritesSubjects.Make(sectorSize));

    [Fact]
    public Task Luks() => ProveAsync(LuksSubjects.Make());

    [Fact]
    public Task Blkverify() => ProveAsync(BlkverifySubjects.Make());

    [Fact]
    public Task Preallocate() => ProveAsync(PreallocateSubjects.Make());

    [Fact]
    public Task Throttle() => ProveAsync(ThrottleSubjects.Unlimited());

    [Fact]
    public Task Raw_with_offset_and_size() => ProveAsync(RawSubjects.Windowed());

    [Theory]
    [InlineData("qcow2, 64 KiB clusters", "{}", false, "{}")]
    [InlineData("qcow2, 64 KiB clusters, backing", "{}", true, "{}")]
    [InlineData("qcow2, 512-byte clusters, 64-bit refcounts", """{"cluster-size": 512, "refcount-bits": 64}""", false, "{}")]
    [InlineData(
        "qcow2, small caches, backing",
        """{"cluster-size": 4096}""",
        true,
        """{"l2-cache-size": 1024, "l2-cache-entry-size": 512, "refcount-cache-size": 1024}""")]
    [InlineData("qcow2, version 2", """{"version": "v2", "cluster-size": 16384}""", true, "{}")]
    [InlineData("qcow2, lazy refcounts", """{"lazy-refcounts": true, "cluster-size": 65536}""", false, "{}")]
    [InlineData("qcow2, extended L2 entries, backing", """{"extended-l2": true, "cluster-size": 65536}""", true, "{}")]
    public Task Qcow2(string name, string createOptions, bool backing, string openOptions) =>
        ProveAsync(Qcow2Subjects.Make(name, createOptions, backing, openOptions));

    [Theory]
    [InlineData("qcow2, data file", "{}", "{}")]
    [InlineData("qcow2, raw data file", """{"data-file-raw": true}""", "{}")]
    [InlineData("qcow2, discards that keep clusters, data file", """{"cluster-size": 16384}""", """{"discard-no-unref": true}""")]
    public Task Qcow2_with_a_data_file(string name, string createOptions, string openOptions) =>
        ProveAsync(Qcow2Subjects.Make(name, createOptions, backing: false, openOptions, dataFile: true));

    [Theory]
    [InlineData("monolithicSparse", "{}")]
    [InlineData("monolithicSparse, zeroed grains", """{"zeroed-grain": true}""")]
    [InlineData("monolithicFlat", """{"subformat": "monolithicFlat"}""")]
    [InlineData("twoGbMaxExtentSparse", """{"subformat": "twoGbMaxExtentSparse"}""")]
    public Task Vmdk(string name, string createOptions) => ProveAsync(VmdkSubjects.Make(name, createOptions));

    [Theory]
    [InlineData("dynamic", "off", false)]
    [InlineData("static", "metadata", false)]
    [InlineData("differencing", "off", true)]
    public Task Vdi(string name, string preallocation, bool backing) =>
        ProveAsync(VdiSubjects.Make(name, preallocation, backing));

    [Fact]
    public Task Bochs() => ProveAsync(ReaderSubjects.Bochs());

    [Fact]
    public Task Cloop() => ProveAsync(ReaderSubjects.Cloop());

    [Fact]
    public Task Dmg() => ProveAsync(ReaderSubjects.Dmg());

    [Fact]
    public async Task Vvfat()
    {
        using var folder = new TemporaryFolder();
        await ProveAsync(await VvfatSubjects.MakeAsync(folder));
    }

    [Fact]
    public async Task Vvfat_written()
    {
        using var folder = new TemporaryFolder();
        await ProveAsync(VvfatSubjects.Writable(folder));
    }

    [Theory]
    [InlineData("alone", false)]
    [InlineData("over a backing file", true)]
    public Task Qcow(string name, bool backing) => ProveAsync(QcowSubjects.Make(name, backing));

    [Theory]
    [InlineData("tables of one cluster", 1, false)]
    [InlineData("over a backing file", 2, true)]
    public Task Qed(string name, int tableSize, bool backing) => ProveAsync(QedSubjects.Make(name, tableSize, backing));

    [Theory]
    [InlineData("small clusters", 32 << 10, false)]
    [InlineData("clusters of 63 sectors", 63 * 512, false)]
    [InlineData("over a backing file", 32 << 10, true)]
    public Task Parallels(string name, int clusterSize, bool backing) =>
        ProveAsync(ParallelsSubjects.Make(name, clusterSize, backing));

    [Theory]
    [InlineData("fixed")]
    [InlineData("dynamic")]
    [InlineData("differencing")]
    public Task Vhdx(string kind) => ProveAsync(VhdxSubjects.Make(kind));

    [Theory]
    [InlineData("fixed")]
    [InlineData("dynamic")]
    [InlineData("differencing")]
    public Task Vpc(string kind) => ProveAsync(VpcSubjects.Make(kind));

    private async Task ProveAsync(BlockDriverSubject subject)
    {
        var report = await ConformanceSuite.RunAsync(subject, Options);

        output.WriteLine(report.ToString());
        Assert.True(report.Passed, report.ToString());
    }
}
