// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>Internal snapshots: made, applied and deleted here and by qemu-img, in turn.</summary>
public sealed class SnapshotTests
{
    private const int Size = 4 << 20;

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"cluster-size": 512, "refcount-bits": 64}""")]
    [InlineData("""{"extended-l2": true}""")]
    [InlineData("""{"version": "v2", "cluster-size": 4096}""")]
    public async Task A_snapshot_keeps_the_content_of_its_time(string options)
    {
        await using var disk = await TestDisk.NewAsync(Size, options);
        var store = disk.Facet<ISnapshotStore>();
        var contents = new Dictionary<string, byte[]>();
        var random = new Random(5);
        for (var round = 0; round < 5; round++)
        {
            await ScribbleAsync(disk, random);
            var made = await store.CreateAsync(Record($"s{round}"), default);
            Assert.Equal($"{round + 1}", made.Id);
            contents[made.Name] = await disk.ReadAsync(0, Size);
            await disk.AssertSoundAsync();
        }
        await ScribbleAsync(disk, random);
        foreach (var name in new[] { "s3", "s0", "s4" })
        {
            await store.ApplyAsync(name, default);
            Assert.Equal(contents[name], await disk.ReadAsync(0, Size));
            await disk.AssertSoundAsync();
            await ScribbleAsync(disk, random);
        }
        foreach (var snapshot in await store.ListAsync(default))
        {
            var now = await disk.ReadAsync(0, Size);
            await store.DeleteAsync(snapshot.Id, snapshot.Name, default);
            Assert.Equal(now, await disk.ReadAsync(0, Size));
            await disk.AssertSoundAsync();
            await ScribbleAsync(disk, random);
        }
        Assert.Empty(await store.ListAsync(default));
        await disk.FlushAsync();
        await disk.AssertSoundAsync();
    }

    [Fact]
    public void A_snapshot_of_before_sizes_were_kept_is_written_with_the_disks()
    {
        var old = new SnapshotEntry { Id = "1", Name = "old", L1Offset = 65536, L1Entries = 1 };

        Assert.Equal((ulong)Size, SnapshotTable.ParseEntry(SnapshotTable.Encode([old], Size)).DiskSize);
    }

    [SkippableTheory]
    [InlineData("{}", 1)]
    [InlineData("""{"cluster-size": 2048, "refcount-bits": 8}""", 2)]
    [InlineData("""{"extended-l2": true, "cluster-size": 16384}""", 3)]
    [InlineData("""{"version": "v2", "cluster-size": 4096}""", 4)]
    [InlineData("""{"lazy-refcounts": true}""", 5)]
    public async Task Qemu_and_we_take_turns_with_the_snapshots_of_one_image(string options, int seed)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var random = new Random(seed);
        qemu.Save(await TestDisk.CreateAsync(Size, options), "a.qcow2");
        var contents = new Dictionary<string, byte[]>();
        for (var step = 0; step < 7 * Seeds.Count; step++)
        {
            var known = contents.Keys.ToList();
            var action = known.Count == 0 ? 0 : random.Next(4);
            var name = action == 0 ? $"s{step}" : known[random.Next(known.Count)];
            var storage = qemu.Load("a.qcow2");
            var ours = random.Next(2) == 0;
            await using (var disk = await TestDisk.OpenAsync(storage))
            {
                await ScribbleAsync(disk, random);
                if (action == 0) contents[name] = await disk.ReadAsync(0, Size);
                if (ours) await ActAsync(disk.Facet<ISnapshotStore>(), action, name);
                if (action == 1 && ours) Assert.Equal(contents[name], await disk.ReadAsync(0, Size));
            }
            qemu.Save(storage, "a.qcow2");
            qemu.AssertSound("a.qcow2");
            if (!ours) qemu.Img("snapshot", action switch { 0 => "-c", 1 => "-a", _ => "-d" }, name, "a.qcow2");
            qemu.AssertSound("a.qcow2");
            if (action == 1) Assert.Equal(contents[name], qemu.Content("a.qcow2"));
            if (action >= 2) contents.Remove(name);
            await using var after = await TestDisk.OpenAsync(qemu.Load("a.qcow2"), readOnly: true);
            await after.AssertSoundAsync();
            Assert.Equal(
                contents.Keys.Order(), (await after.Facet<ISnapshotStore>().ListAsync(default)).Select(s => s.Name).Order());
        }
    }

    [SkippableFact]
    public async Task What_qemu_lists_is_what_was_recorded()
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var storage = await TestDisk.CreateAsync(Size);
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            var record = new SnapshotRecord(
                "", "name", 0, new DateTimeOffset(2024, 5, 6, 7, 8, 9, TimeSpan.Zero), TimeSpan.FromSeconds(3723.5))
            { InstructionCount = 77 };
            var made = await disk.Facet<ISnapshotStore>().CreateAsync(record, default);
            Assert.Equal(record with { Id = "1" }, made);
            Assert.Equal(made, Assert.Single(await disk.Facet<ISnapshotStore>().ListAsync(default)));
        }
        qemu.Save(storage, "a.qcow2");
        var info = System.Text.Json.JsonDocument.Parse(qemu.Img("info", "--output=json", "a.qcow2")).RootElement
            .GetProperty("snapshots")[0];
        Assert.Equal("name", info.GetProperty("name").GetString());
        Assert.Equal(1714979289, info.GetProperty("date-sec").GetInt64());
        Assert.Equal(3723, info.GetProperty("vm-clock-sec").GetInt64());
        Assert.Equal(500_000_000, info.GetProperty("vm-clock-nsec").GetInt64());
        Assert.Equal(77, info.GetProperty("icount").GetInt64());
    }

    /// <summary>Finer than .NET's times are, and out of bounds.</summary>
    [SkippableTheory]
    [InlineData(123_456_789, 5_987_654_321)]
    [InlineData(999_999_999, 1)]
    [InlineData(uint.MaxValue, 0x7fff_ffff_ffff_ffff)]
    public async Task Times_keep_every_nanosecond(uint nanoseconds, long vmClock)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        qemu.Img("create", "-f", "qcow2", "a.qcow2", "1M");
        qemu.Img("snapshot", "-c", "one", "a.qcow2");
        var storage = qemu.Load("a.qcow2");
        var entry = BinaryPrimitives.ReadInt64BigEndian(storage.Read(64, 8));
        var times = new byte[12];
        BinaryPrimitives.WriteUInt32BigEndian(times, nanoseconds);
        BinaryPrimitives.WriteInt64BigEndian(times.AsSpan(4), vmClock);
        storage.Write(entry + 20, times);
        qemu.Save(storage, "a.qcow2");
        var theirs = System.Text.Json.JsonDocument.Parse(qemu.Img("info", "--output=json", "a.qcow2")).RootElement
            .GetProperty("snapshots")[0];
        await using var disk = await TestDisk.OpenAsync(storage);
        var store = disk.Facet<ISnapshotStore>();
        var record = Assert.Single(await store.ListAsync(default));
        var ours = System.Text.Json.JsonSerializer.SerializeToElement(BlockHost.Block.Graph.SnapshotInfo.From(record));
        foreach (var name in new[] { "date-sec", "date-nsec", "vm-clock-sec", "vm-clock-nsec" })
            Assert.Equal(theirs.GetProperty(name).GetInt64(), ours.GetProperty(name).GetInt64());
        if (nanoseconds >= 1_000_000_000) return;
        var copy = await store.CreateAsync(record with { Name = "two" }, default);
        Assert.Equal((record.DateNanoseconds, record.VmClockNanoseconds), (copy.DateNanoseconds, copy.VmClockNanoseconds));
    }

    [SkippableFact]
    public async Task Applying_takes_the_disk_back_to_the_size_it_had()
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var storage = await TestDisk.CreateAsync(Size);
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            await disk.WriteAsync(0, Size, 0x11);
            var store = disk.Facet<ISnapshotStore>();
            await store.CreateAsync(Record("small"), default);
            await disk.Facet<IResizable>().ResizeAsync(2L << 30, new ResizeOptions(), default);
            await disk.WriteAsync(1 << 30, 100_000, 0x22);
            await store.CreateAsync(Record("large"), default);
            await store.ApplyAsync("1", default);
            Assert.Equal(Size, disk.Length);
            Assert.Equal(TestDisk.Filled(Size, 0x11), await disk.ReadAsync(0, Size));
            await store.ApplyAsync("large", default);
            Assert.Equal(2L << 30, disk.Length);
            Assert.Equal(TestDisk.Filled(100_000, 0x22), await disk.ReadAsync(1 << 30, 100_000));
            await disk.Facet<IResizable>().ResizeAsync(1 << 20, new ResizeOptions(), default);
            await disk.AssertSoundAsync();
            await store.ApplyAsync("large", default);
            Assert.Equal(TestDisk.Filled(100_000, 0x22), await disk.ReadAsync(1 << 30, 100_000));
            await disk.AssertSoundAsync();
        }
        qemu.Save(storage, "a.qcow2");
        qemu.AssertSound("a.qcow2");
    }

    [Fact]
    public async Task A_count_that_would_overflow_is_refused_and_leaves_nothing_behind()
    {
        await using var disk = await TestDisk.NewAsync(Size, """{"refcount-bits": 2}""");
        await disk.WriteAsync(0, 500_000, 1);
        var store = disk.Facet<ISnapshotStore>();
        await store.CreateAsync(Record("one"), default);
        await store.CreateAsync(Record("two"), default);
        var e = await Assert.ThrowsAsync<BlockException>(async () => await store.CreateAsync(Record("three"), default));
        Assert.Equal(Errno.EINVAL, e.Errno);
        Assert.Equal(2, (await store.ListAsync(default)).Count);
        await disk.AssertSoundAsync();
        await Assert.ThrowsAsync<BlockException>(async () => await store.ApplyAsync("none", default));
        await Assert.ThrowsAsync<BlockException>(async () => await store.DeleteAsync("9", null, default));
    }

    [Fact]
    public async Task The_state_of_the_machine_lies_behind_the_disk()
    {
        await using var disk = await TestDisk.NewAsync(Size);
        await disk.WriteAsync(0, Size, 0x33);
        var store = disk.Facet<ISnapshotStore>();
        await store.WriteVmStateAsync(100_000, TestDisk.Filled(300_000, 0x44), default);
        await store.CreateAsync(Record("vm") with { VmStateSize = 400_000 }, default);
        await store.WriteVmStateAsync(0, TestDisk.Filled(400_000, 0x55), default);
        await disk.AssertSoundAsync();
        await store.ApplyAsync("vm", default);
        var state = new byte[400_000];
        await store.ReadVmStateAsync(0, state, default);
        Assert.Equal(TestDisk.Filled(300_000, 0x44), state[100_000..]);
        Assert.Equal(new byte[100_000], state[..100_000]);
        Assert.Equal(TestDisk.Filled(Size, 0x33), await disk.ReadAsync(0, Size));
        await disk.AssertSoundAsync();
    }

    /// <summary>What a cut leaves may leak, and its flags may lag behind: the dirty bit has the next opening mend that.</summary>
    [Theory]
    [InlineData("{}")]
    [InlineData("""{"cluster-size": 512}""")]
    [InlineData("""{"version": "v2", "cluster-size": 4096}""")]
    public async Task A_power_cut_loses_no_content(string options)
    {
        var storage = await TestDisk.CreateAsync(1 << 20, options);
        storage.TrackDurability = true;
        var (now, kept) = (Array.Empty<byte>(), Array.Empty<byte>());
        var mayApply = false;
        var cuts = new PowerCuts(storage, ExamineAsync);
        await using (var disk = await TestDisk.OpenAsync(storage, wrap: cuts.Wrap))
        {
            var store = disk.Facet<ISnapshotStore>();
            await ScribbleAsync(disk, new Random(1), 1 << 20);
            await disk.FlushAsync();
            now = kept = await disk.ReadAsync(0, 1 << 20);
            cuts.Armed = true;
            await store.CreateAsync(Record("one"), default);
            cuts.Armed = false;
            await ScribbleAsync(disk, new Random(2), 1 << 20);
            await disk.FlushAsync();
            now = await disk.ReadAsync(0, 1 << 20);
            cuts.Armed = true;
            await store.CreateAsync(Record("two"), default);
            mayApply = true;
            await store.ApplyAsync("one", default);
            mayApply = false;
            now = kept;
            await store.DeleteAsync("2", "two", default);
            cuts.Armed = false;
            await disk.AssertSoundAsync();
        }
        Assert.True(cuts.Cuts > 20);

        async Task ExamineAsync(TestDisk left)
        {
            await CheckContentAsync(left);
            var again = left.Storage;
            await using (var mended = await TestDisk.OpenAsync(again, forRepair: true))
            {
                await mended.CheckAsync(CheckRepair.Leaks | CheckRepair.Errors);
                await mended.AssertSoundAsync();
                await CheckContentAsync(mended);
                if ((await mended.Facet<ISnapshotStore>().ListAsync(default)).Count == 0) return;
                await mended.Facet<ISnapshotStore>().ApplyAsync("one", default);
                Assert.Equal(kept, await mended.ReadAsync(0, 1 << 20));
                await mended.AssertSoundAsync();
            }
        }

        async Task CheckContentAsync(TestDisk disk)
        {
            var content = await disk.ReadAsync(0, 1 << 20);
            Assert.True(content.AsSpan().SequenceEqual(now) || (mayApply && content.AsSpan().SequenceEqual(kept)));
        }
    }

    private static async Task ActAsync(ISnapshotStore store, int action, string name)
    {
        var found = (await store.ListAsync(default)).FirstOrDefault(s => s.Name == name);
        switch (action)
        {
            case 0: await store.CreateAsync(Record(name), default); break;
            case 1: await store.ApplyAsync(found!.Id, default); break;
            default: await store.DeleteAsync(found!.Id, name, default); break;
        }
    }

    private static SnapshotRecord Record(string name) => new("", name, 0, DateTimeOffset.UnixEpoch.AddDays(19000), TimeSpan.Zero);

    private static async Task ScribbleAsync(TestDisk disk, Random random, int size = Size)
    {
        for (var i = 0; i < 12; i++)
        {
            var offset = random.Next(size);
            var bytes = Math.Min(size - offset, 1 + random.Next(200_000));
            if (random.Next(4) > 0)
                await disk.WriteAsync(offset, bytes, (byte)random.Next(1, 255));
            else if (random.Next(2) == 0)
                await disk.Node.DiscardAsync(offset, bytes, default);
            else
                await ZeroAsync(disk, offset, bytes);
        }
    }

    private static async Task ZeroAsync(TestDisk disk, int offset, int bytes)
    {
        try
        {
            await disk.Node.WriteZeroesAsync(offset, bytes, ZeroFlags.None, default);
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.NotSupported)
        {
            await disk.WriteAsync(offset, bytes, 0);
        }
    }
}
