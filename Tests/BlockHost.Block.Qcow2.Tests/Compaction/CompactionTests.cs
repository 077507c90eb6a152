// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Block.Qcow2.Tests.Bitmaps;
using BlockHost.Conformance.TestHost;
using BlockHost.Formats.Testing;
using BlockHost.Plugins.Block.Qcow2;
using BlockHost.Plugins.Block.Qcow2.Compaction;

namespace BlockHost.Block.Qcow2.Tests.Compaction;

/// <summary>
/// Clusters move from the end of an image into its holes, and the file is cut. BLOCKHOST_COMPACTIONS is how many random images of
/// each kind are tried; without it, a few.
/// </summary>
public sealed class CompactionTests
{
    public static TheoryData<string, bool> Formats => new()
    {
        { "{}", false },
        { """{"cluster-size": 4096}""", true },
        { """{"cluster-size": 512}""", true },
        { """{"cluster-size": 512, "refcount-bits": 64}""", true },
        { """{"cluster-size": 4096, "refcount-bits": 1}""", false },
        { """{"cluster-size": 16384, "extended-l2": true}""", true },
        { """{"cluster-size": 4096, "version": "v3", "compression-type": "zstd"}""", true },
    };

    private const int Sample = 2;

    private static int Count { get; } = SearchSize.Of("BLOCKHOST_COMPACTIONS", Sample);

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task A_compacted_image_reads_as_before_and_has_no_holes(string format, bool withSnapshots)
    {
        var won = 0L;
        for (var seed = 1; seed <= Count; seed++)
        {
            var image = await HolyImage.MakeAsync(format, seed, withSnapshots);
            var before = image.Storage.Length;
            await using (var disk = await TestDisk.OpenAsync(image.Storage))
            {
                await CompactAsync(disk);
                var survey = await SpaceSurvey.TakeAsync(((Qcow2Node)disk.Node).Image, default);
                Assert.False(survey.HasHoles, $"seed {seed}: {survey}");
            }

            won += before - image.Storage.Length;
            await image.AssertSameAsync(image.Storage, leaksAllowed: false);
        }

        Assert.True(won > Count * 10_000, $"{won} bytes");
    }

    [SkippableTheory]
    [MemberData(nameof(Formats))]
    public async Task QEMU_reads_the_same_and_finds_nothing_wrong(string format, bool withSnapshots)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var image = await HolyImage.MakeAsync(format, 7, withSnapshots);
        await using (var disk = await TestDisk.OpenAsync(image.Storage)) await CompactAsync(disk);
        qemu.Save(image.Storage, "a.qcow2");
        qemu.AssertSound("a.qcow2");
        Assert.Equal(image.Content, qemu.Content("a.qcow2"));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task A_kill_at_any_write_loses_space_at_worst(string format, bool withSnapshots)
    {
        var image = await HolyImage.MakeAsync(format, 3, withSnapshots);
        image.Storage.TrackDurability = true;
        var turn = 0;
        var kills = new Kills(image.Storage, ExamineAsync, seed: 1);
        await using (var disk = await TestDisk.OpenAsync(image.Storage, wrap: kills.Wrap))
        {
            kills.Armed = true;
            await CompactAsync(disk);
            kills.Armed = false;
        }

        Assert.True(kills.Count > 20, $"{kills.Count} kills");
        await image.AssertSameAsync(image.Storage, leaksAllowed: false);

        // In the sample, one moment in five.
        Task ExamineAsync(MemoryImage left) =>
            turn++ % 5 == 0 || Count > Sample ? image.AssertSameAsync(left, leaksAllowed: true) : Task.CompletedTask;
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Guests_write_all_the_while(string format, bool withSnapshots)
    {
        for (var seed = 1; seed <= Count; seed++)
        {
            var image = await HolyImage.MakeAsync(format, seed, withSnapshots);
            await using (var disk = await TestDisk.OpenAsync(image.Storage, wrap: c => new Yielding(c)))
            {
                using var done = new CancellationTokenSource();
                var guests = Enumerable.Range(0, 4).Select(i => WriteAsync(disk, image, i, done.Token)).ToArray();
                await CompactAsync(disk);
                await done.CancelAsync();
                await Task.WhenAll(guests);
                Assert.Equal(image.Content, await disk.ReadAsync(0, HolyImage.Size));
                await CompactAsync(disk);
            }

            await image.AssertSameAsync(image.Storage, leaksAllowed: false);
        }
    }

    [Fact]
    public async Task A_write_under_way_is_waited_for()
    {
        var gate = new Gate(bytes => bytes == 4096);
        await using var disk = await HalfEmptyAsync(gate);
        gate.IsClosed = true;
        var write = disk.WriteAsync(Last, 4096, 7).AsTask();
        var compaction = CompactAsync(disk);
        await Task.WhenAny(compaction, Task.Delay(100));
        Assert.False(compaction.IsCompleted);
        gate.Open();
        await write;
        Assert.True(await compaction > 0);
        Assert.Equal(TestDisk.Filled(4096, 7), await disk.ReadAsync(Last, 4096));
    }

    [Fact]
    public async Task A_write_to_what_is_being_copied_waits_and_a_read_does_not()
    {
        var gate = new Gate(bytes => bytes > 65536);
        await using var disk = await HalfEmptyAsync(gate);
        gate.IsClosed = true;
        var compaction = CompactAsync(disk);
        await gate.Reached;
        var write = disk.WriteAsync(Last, 4096, 7).AsTask();
        await disk.WriteAsync(0, 512, 8);
        Assert.Equal(TestDisk.Filled(4096, 1), await disk.ReadAsync(Last, 4096));
        await Task.WhenAny(write, Task.Delay(100));
        Assert.False(write.IsCompleted);
        gate.Open();
        await write;
        Assert.True(await compaction > 0);
        Assert.Equal(TestDisk.Filled(4096, 7), await disk.ReadAsync(Last, 4096));
        await disk.FlushAsync();
        await disk.AssertSoundAsync();
    }

    [Fact]
    public async Task It_may_be_cancelled_anywhere_and_done_again()
    {
        var image = await HolyImage.MakeAsync("""{"cluster-size": 4096}""", 5, withSnapshots: true);
        var before = image.Storage.Length;
        for (var steps = 0; steps < 30; steps++)
        {
            await using (var disk = await TestDisk.OpenAsync(image.Storage))
            {
                var taken = 0;
                await foreach (var step in disk.Facet<IImageCompaction>().CompactAsync(default))
                {
                    if (taken++ == steps % 7) break;
                }
            }

            await image.AssertSameAsync(image.Storage, leaksAllowed: false);
        }

        Assert.True(image.Storage.Length < before);
    }

    [Fact]
    public async Task A_bitmap_that_is_followed_goes_on_being_followed()
    {
        var image = await HolyImage.MakeAsync("""{"cluster-size": 4096}""", 5, withSnapshots: false);
        await using var disk = await TestDisk.OpenAsync(image.Storage, options: """{"x-blockhost-bitmap-checkpoint": true}""");
        var bitmap = new PlainBitmap("b", HolyImage.Size, 512);
        await disk.Facet<IBitmapJournal>().FollowAsync([new(bitmap, null)], default);
        await disk.Node.DiscardAsync(0, HolyImage.Size / 2, default);
        await CompactAsync(disk);
        await disk.WriteAsync(HolyImage.Size - 512, 512, 9);
        await using var left = await TestDisk.OpenAsync(image.Storage.Clone(), readOnly: true);
        var store = left.Facet<IBitmapStore>();
        await store.LoadAsync((await store.ListAsync(default)).Single(b => b is { Name: "b", InUse: false }), bitmap, default);
        Assert.Equal((true, true), (bitmap.Bits.First(), bitmap.Bits.Last()));
    }

    [Fact]
    public async Task An_image_without_holes_is_left_alone()
    {
        await using var disk = await TestDisk.NewAsync(1 << 20);
        await disk.WriteAsync(0, 1 << 20, 1);
        await disk.FlushAsync();
        var length = disk.File.Length;
        Assert.Equal(0, await CompactAsync(disk));
        Assert.Equal(length, disk.File.Length);
    }

    private static async Task<long> CompactAsync(TestDisk disk)
    {
        var moved = 0L;
        await foreach (var step in disk.Facet<IImageCompaction>().CompactAsync(default))
        {
            Assert.True(step.Moved >= 0 && step.Remaining >= 0);
            moved += step.Moved;
        }
        return moved;
    }

    /// <summary>Each guest has a part of the disk for itself.</summary>
    private static async Task WriteAsync(TestDisk disk, HolyImage image, int guest, CancellationToken until)
    {
        const int Part = HolyImage.Size / 4;
        var random = new Random(guest);
        while (!until.IsCancellationRequested)
        {
            var offset = (guest * Part) + random.Next(Part);
            var bytes = Math.Min(((guest + 1) * Part) - offset, 1 + random.Next(20_000));
            var pattern = (byte)random.Next(4);
            if (pattern == 0) await disk.Node.WriteZeroesAsync(offset, bytes, ZeroFlags.MayUnmap, default);
            else await disk.WriteAsync(offset, bytes, pattern);
            image.Content.AsSpan(offset, bytes).Fill(pattern);
            Assert.Equal(image.Content[offset..(offset + bytes)], await disk.ReadAsync(offset, bytes));
            if (random.Next(10) == 0) await disk.FlushAsync();
        }
    }

    private const int Last = HolyImage.Size - 65536;

    /// <summary>A full disk whose first half was given back.</summary>
    private static async Task<TestDisk> HalfEmptyAsync(Gate gate)
    {
        var disk = await TestDisk.OpenAsync(await TestDisk.CreateAsync(HolyImage.Size), wrap: gate.Wrap);
        await disk.WriteAsync(0, HolyImage.Size, 1);
        await disk.Node.DiscardAsync(0, HolyImage.Size / 2, default);
        await disk.FlushAsync();
        await disk.FlushAsync();
        return disk;
    }

    /// <summary>Storage in which writes of some length get stuck.</summary>
    private sealed class Gate(Func<long, bool> which)
    {
        private readonly Func<long, bool> _which = which;
        private readonly TaskCompletionSource _open = new();
        private readonly TaskCompletionSource _reached = new();

        public bool IsClosed { get; set; }

        public Task Reached => _reached.Task;

        public IBlockChild Wrap(IBlockChild inner) => new Child(inner, this);

        public void Open()
        {
            IsClosed = false;
            _open.SetResult();
        }

        private sealed class Child(IBlockChild inner, Gate gate) : DelegatingChild(inner)
        {
            protected override async ValueTask BeforeAsync(ChildOperation operation)
            {
                if (!gate.IsClosed || operation.Kind != ChildOperationKind.Write || !gate._which(operation.Bytes)) return;
                gate._reached.TrySetResult();
                await gate._open.Task;
            }
        }
    }

    /// <summary>Storage that takes a moment, so that requests overlap.</summary>
    private sealed class Yielding(IBlockChild inner) : DelegatingChild(inner)
    {
        protected override async ValueTask BeforeAsync(ChildOperation operation) => await Task.Yield();
    }
}
