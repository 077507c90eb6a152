// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>What a discard does to the entries, to the refcounts, and to the storage below.</summary>
public sealed class DiscardTests
{
    private const int Cluster = 65536;

    [SkippableTheory]
    [InlineData("{}", true, false, true)]
    [InlineData("""{"pass-discard-request": false}""", true, false, false)]
    [InlineData("""{"pass-discard-request": true}""", true, false, true)]
    [InlineData("""{"discard-no-unref": true}""", true, true, true)]
    [InlineData("""{"discard-no-unref": true, "pass-discard-request": false}""", true, true, false)]
    public async Task A_discard_frees_or_keeps_clusters_and_is_passed_on_or_not(
        string options, bool readsZero, bool kept, bool passed)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var storage = await TestDisk.CreateAsync(4 << 20);
        var host = 0L;
        RecordingChild? file = null;
        await using (var disk = await TestDisk.OpenAsync(
            storage, options: options, wrap: child => file = new RecordingChild(child)))
        {
            await disk.WriteAsync(0, 4 * Cluster, 1);
            await disk.FlushAsync();
            host = (await disk.Node.GetStatusAsync(Cluster, Cluster, StatusPrecision.WantZero, default)).HostOffset;
            await disk.Node.DiscardAsync(Cluster, 2 * Cluster, default);
            var status = await disk.Node.GetStatusAsync(Cluster, 2 * Cluster, StatusPrecision.WantZero, default);
            Assert.Equal(readsZero, (status.Flags & BlockStatusFlags.Zero) != 0);
            Assert.Equal(kept ? host : 0, status.HostOffset);
            Assert.Equal(new byte[2 * Cluster], await disk.ReadAsync(Cluster, 2 * Cluster));
            await disk.FlushAsync();
            await disk.FlushAsync();
            Assert.Equal(passed, file!.Operations.Any(o => o.Kind == ChildOperationKind.Discard && o.Offset == host));
            await disk.WriteAsync(Cluster, 512, 2);
            Assert.Equal((2, 0), ((await disk.ReadAsync(Cluster, 1))[0], (await disk.ReadAsync(Cluster + 512, 1))[0]));
            if (kept) Assert.Equal(
                host, (await disk.Node.GetStatusAsync(Cluster, Cluster, StatusPrecision.WantZero, default)).HostOffset);
            await disk.AssertSoundAsync();
        }
        qemu.Save(storage, "a.qcow2");
        qemu.AssertSound("a.qcow2");
    }

    [Theory]
    [InlineData("{}", false)]
    [InlineData("""{"discard-no-unref": true}""", true)]
    public async Task Zeroes_that_may_unmap_keep_clusters_where_discards_do(string options, bool kept)
    {
        await using var disk = await TestDisk.NewAsync(4 << 20, open: options);
        await disk.WriteAsync(0, 4 * Cluster, 1);
        await disk.Node.WriteZeroesAsync(0, 2 * Cluster, ZeroFlags.MayUnmap, default);
        var status = await disk.Node.GetStatusAsync(0, 2 * Cluster, StatusPrecision.WantZero, default);
        Assert.Equal(
            (true, kept), ((status.Flags & BlockStatusFlags.Zero) != 0, (status.Flags & BlockStatusFlags.OffsetValid) != 0));
        Assert.Equal(new byte[2 * Cluster], await disk.ReadAsync(0, 2 * Cluster));
        await disk.AssertSoundAsync();
    }

    [Fact]
    public async Task Keeping_clusters_needs_zero_entries()
    {
        var storage = await TestDisk.CreateAsync(1 << 20, """{"version": "v2"}""");
        var refusal = await Assert.ThrowsAsync<BlockException>(
            () => TestDisk.OpenAsync(storage, options: """{"discard-no-unref": true}"""));
        Assert.Equal("discard-no-unref is only supported since qcow2 version 3", refusal.Message);
    }

    [SkippableTheory]
    [InlineData("""{"discard-no-unref": true}""", "{}")]
    [InlineData("""{"discard-no-unref": true}""", """{"extended-l2": true}""")]
    [InlineData("""{"discard-no-unref": true, "lazy-refcounts": true}""", """{"cluster-size": 4096}""")]
    public async Task Random_operations_that_keep_clusters_match_a_model_and_qemu_agrees(string options, string create)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        foreach (var seed in Seeds.All)
        {
            var model = new RandomOperations(seed, 4 << 20);
            model.Content.AsSpan().Clear();
            var storage = await TestDisk.CreateAsync(4 << 20, create);
            for (var session = 0; session < 2; session++)
            {
                await using (var disk = await TestDisk.OpenAsync(storage, options: options))
                    await model.RunAsync(disk, 60);
                qemu.Save(storage, "a.qcow2");
                qemu.AssertSound("a.qcow2");
                Assert.Equal(model.Content, qemu.Content("a.qcow2"));
            }
        }
    }

    [Fact]
    public async Task A_version_2_image_discards_only_without_a_backing_file()
    {
        var storage = await TestDisk.CreateAsync(1 << 20, """{"version": "v2"}""");
        await using (var alone = await TestDisk.OpenAsync(storage))
        {
            await alone.WriteAsync(0, Cluster, 1);
            await alone.Node.DiscardAsync(0, Cluster, default);
            Assert.Equal(
                BlockStatusFlags.None,
                (await alone.Node.GetStatusAsync(
                    0, Cluster, StatusPrecision.WantZero, default)).Flags & BlockStatusFlags.Allocated);
            await alone.AssertSoundAsync();
        }
        var backing = new MemoryChild(new MemoryImage(TestDisk.Filled(1 << 20, 9)), "backing") { ReadOnly = true };
        await using var over = await TestDisk.OpenAsync(storage, backing: backing);
        var refusal = await Assert.ThrowsAsync<BlockException>(() => over.Node.DiscardAsync(0, Cluster, default).AsTask());
        Assert.Equal(BlockErrorKind.NotSupported, refusal.Kind);
    }
}
