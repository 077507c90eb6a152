// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Formats.Testing;

namespace BlockHost.Block.Qcow2.Tests.Bitmaps;

/// <summary>
/// Bitmaps that outlive a crash (x-blockhost-bitmap-checkpoint). BLOCKHOST_JOURNAL_SEEDS is how many random sessions each
/// format is tried with; without it, one.
/// </summary>
public sealed class BitmapJournalTests
{
    private const int Size = 1 << 20;
    private const string On = """{"x-blockhost-bitmap-checkpoint": true}""";

    [Theory]
    [InlineData("{}", 65536)]
    [InlineData("""{"cluster-size": 4096}""", 512)]
    [InlineData("""{"cluster-size": 512}""", 4096)]
    [InlineData("""{"cluster-size": 16384, "extended-l2": true}""", 4096)]
    [InlineData("""{"cluster-size": 4096, "lazy-refcounts": true}""", 4096)]
    public async Task After_a_kill_at_any_write_the_bitmap_holds_all_that_was_written(string format, int granularity)
    {
        var seeds = SearchSize.Of("BLOCKHOST_JOURNAL_SEEDS", 1);
        for (var seed = 1; seed <= seeds; seed++)
            await new Session(format, granularity, seed).RunAsync();
    }

    [Fact]
    public async Task A_write_to_what_is_marked_costs_nothing()
    {
        await using var disk = await FollowingAsync(new PlainBitmap("b", Size, 65536), out var recorder);
        await disk.WriteAsync(0, 4096, 1);
        await disk.FlushAsync();
        var before = recorder.Operations.Count;
        await disk.WriteAsync(4096, 4096, 2);
        Assert.Equal([ChildOperationKind.Write], recorder.Operations.Skip(before).Select(o => o.Kind));
    }

    [Fact]
    public async Task Those_that_wait_to_be_marked_share_a_barrier()
    {
        await using var disk = await FollowingAsync(new PlainBitmap("b", Size, 512), out var recorder);
        var before = recorder.Operations.Count;
        recorder.Held = new TaskCompletionSource();
        var writes = Enumerable.Range(0, 16).Select(i => disk.WriteAsync(i * 65536, 4096, 1).AsTask()).ToArray();
        recorder.Held.SetResult();
        await Task.WhenAll(writes);
        var flushes = recorder.Operations.Skip(before).TakeWhile(o => o.Offset < 16 * 65536)
            .Count(o => o.Kind == ChildOperationKind.Flush);
        Assert.Equal(2, flushes);
        Assert.Equal(16 * 64, (await LoadAsync(disk.Storage, "b", 512)).Count(bit => bit));
    }

    [Theory]
    [InlineData(4 << 20)]
    [InlineData(Size / 2)]
    public async Task A_disk_of_another_size_is_followed_as_well(int size)
    {
        var storage = await TestDisk.CreateAsync(Size);
        await using var disk = await TestDisk.OpenAsync(storage, options: On);
        await disk.Facet<IBitmapJournal>().FollowAsync([new(new PlainBitmap("b", Size, 512), null)], default);
        await disk.WriteAsync(0, 4096, 1);
        await disk.Facet<IResizable>().ResizeAsync(size, new ResizeOptions(), default);
        await disk.WriteAsync(size - 4096, 4096, 1);
        await disk.AssertSoundAsync();
        var bits = await LoadAsync(storage, "b", 512);
        Assert.Equal(size / 512, bits.Length);
        Assert.Equal([true, false, true], [bits[0], bits[64], bits[^1]]);
    }

    [Fact]
    public async Task Opened_for_writing_without_the_option_an_image_follows_no_more()
    {
        var storage = (await CrashedAsync()).Storage;
        Assert.False((await ListAsync(storage)).Single().InUse);
        await using var disk = await TestDisk.OpenAsync(storage);
        await disk.Facet<IBitmapStore>().MarkInUseAsync(default);
        Assert.True((await ListAsync(storage)).Single().InUse);
        Assert.False(disk.Node.TryGetFacet<IBitmapJournal>(out _));
    }

    [Fact]
    public async Task What_is_stored_at_the_end_is_an_ordinary_bitmap()
    {
        var storage = await TestDisk.CreateAsync(Size);
        var bitmap = new PlainBitmap("b", Size, 4096);
        await using (var disk = await TestDisk.OpenAsync(storage, options: On))
        {
            await disk.Facet<IBitmapJournal>().FollowAsync([new(bitmap, null)], default);
            await disk.WriteAsync(0, 4096, 1);
            bitmap.Set(0, 4096);
            await disk.Facet<IBitmapStore>().StoreAsync([bitmap], default);
            await disk.AssertSoundAsync();
        }

        Assert.False((await ListAsync(storage)).Single().InUse);
        Assert.Equal(bitmap.Bits, await LoadAsync(storage, "b", 4096));
        Assert.Equal(0, storage.Read(88, 1)[0]);
    }

    [Fact]
    public async Task What_a_successor_has_marked_counts()
    {
        var storage = await TestDisk.CreateAsync(Size);
        var (bitmap, successor) = (new PlainBitmap("b", Size, 65536), new PlainBitmap("", Size, 65536));
        bitmap.Set(0, 1);
        successor.Set(Size - 1, 1);
        await using var disk = await TestDisk.OpenAsync(storage, options: On);
        await disk.Facet<IBitmapJournal>().FollowAsync([new(bitmap, successor)], default);
        var bits = await LoadAsync(storage.Clone(), "b", 65536);
        Assert.Equal([0, 15], Enumerable.Range(0, 16).Where(i => bits[i]));
    }

    [Fact]
    public async Task A_bitmap_that_nobody_follows_is_in_use_beside_one_that_is()
    {
        var storage = await TestDisk.CreateAsync(Size);
        await using var disk = await TestDisk.OpenAsync(storage, options: On);
        await disk.Facet<IBitmapStore>().StoreAsync([new PlainBitmap("lost", Size, 4096)], default);
        await disk.Facet<IBitmapJournal>().FollowAsync([new(new PlainBitmap("b", Size, 4096), null)], default);
        Assert.Equal(
            [new("b", 4096, InUse: false, Auto: true), new("lost", 4096, InUse: true, Auto: true)], await ListAsync(storage));
        await disk.Facet<IBitmapStore>().RemoveAsync("b", default);
        Assert.True((await ListAsync(storage)).Single().InUse);
    }

    [Fact]
    public async Task Where_the_bits_cannot_be_marked_the_write_fails()
    {
        var storage = await TestDisk.CreateAsync(Size);
        var isFull = false;
        await using var disk = await TestDisk.OpenAsync(storage, options: On, wrap: c => new FailingFlush(c, () => isFull));
        await disk.Facet<IBitmapJournal>().FollowAsync([new(new PlainBitmap("b", Size, 4096), null)], default);
        isFull = true;
        await Assert.ThrowsAsync<BlockException>(async () => await disk.WriteAsync(0, 4096, 1));
        isFull = false;
        await disk.WriteAsync(0, 4096, 1);
        Assert.True((await LoadAsync(storage, "b", 4096))[0]);
    }

    [Theory]
    [InlineData(0xff)]
    [InlineData(0x02)]
    public async Task A_damaged_table_is_a_lost_bitmap_and_no_more(byte last)
    {
        var (storage, table) = await CrashedAsync();
        storage.Write(table + 7, new[] { last });
        Assert.True((await ListAsync(storage)).Single().InUse);
    }

    [SkippableFact]
    public async Task QEMU_reads_the_image_and_what_it_writes_ends_the_following()
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        qemu.Save((await CrashedAsync()).Storage, "a.qcow2");
        qemu.AssertSound("a.qcow2");
        Assert.Contains("in-use", qemu.Img("info", "a.qcow2"), StringComparison.Ordinal);
        Assert.Equal(1, qemu.Content("a.qcow2")[0]);
        Assert.False((await ListAsync(qemu.Load("a.qcow2"))).Single().InUse);
        qemu.Io("a.qcow2", "write -P 7 512k 4k");
        qemu.AssertSound("a.qcow2");
        Assert.True((await ListAsync(qemu.Load("a.qcow2"))).Single().InUse);
        qemu.Img("bitmap", "--remove", "a.qcow2", "b");
        qemu.AssertSound("a.qcow2");
    }

    /// <summary>An image whose user died, and where the bitmap's table lies.</summary>
    private static async Task<(MemoryImage Storage, long Table)> CrashedAsync()
    {
        var storage = await TestDisk.CreateAsync(Size);
        await using var disk = await TestDisk.OpenAsync(storage, options: On);
        await disk.Facet<IBitmapJournal>().FollowAsync([new(new PlainBitmap("b", Size, 4096), null)], default);
        await disk.WriteAsync(0, 4096, 1);
        await disk.FlushAsync();
        var left = storage.Clone();
        var header = Plugins.Block.Qcow2.Format.HeaderParser.Parse(left.Read(0, 65536));
        var place = Plugins.Block.Qcow2.Bitmaps.BitmapDirectory.Place(header)!.Value;
        return (left, BinaryPrimitives.ReadInt64BigEndian(left.Read(place.DirectoryOffset, 8)));
    }

    private static Task<TestDisk> FollowingAsync(PlainBitmap bitmap, out Recorder recorder)
    {
        var made = recorder = new Recorder();
        return OpenAsync();

        async Task<TestDisk> OpenAsync()
        {
            var storage = await TestDisk.CreateAsync(Size);
            var disk = await TestDisk.OpenAsync(storage, options: On, wrap: made.Wrap);
            await disk.Facet<IBitmapJournal>().FollowAsync([new(bitmap, null)], default);
            return disk;
        }
    }

    private static async Task<IReadOnlyList<StoredBitmap>> ListAsync(MemoryImage storage)
    {
        await using var disk = await TestDisk.OpenAsync(storage.Clone(), readOnly: true);
        return await disk.Facet<IBitmapStore>().ListAsync(default);
    }

    private static async Task<bool[]> LoadAsync(MemoryImage storage, string name, int granularity)
    {
        await using var disk = await TestDisk.OpenAsync(storage.Clone(), readOnly: true);
        var bitmap = new PlainBitmap(name, disk.Length, granularity);
        var store = disk.Facet<IBitmapStore>();
        await store.LoadAsync((await store.ListAsync(default)).Single(b => b.Name == name && !b.InUse), bitmap, default);
        return [.. bitmap.Bits];
    }

    private sealed class Recorder
    {
        public List<ChildOperation> Operations { get; } = [];

        /// <summary>Flushes wait for it.</summary>
        public TaskCompletionSource? Held { get; set; }

        public IBlockChild Wrap(IBlockChild inner) => new Child(inner, this);

        private sealed class Child(IBlockChild inner, Recorder owner) : DelegatingChild(inner)
        {
            protected override ValueTask BeforeAsync(ChildOperation operation)
            {
                lock (owner.Operations) owner.Operations.Add(operation);
                return operation.Kind == ChildOperationKind.Flush && owner.Held is { } held ? new(held.Task) : default;
            }
        }
    }

    private sealed class FailingFlush(IBlockChild inner, Func<bool> fails) : DelegatingChild(inner)
    {
        protected override ValueTask BeforeAsync(ChildOperation operation) =>
            operation.Kind == ChildOperationKind.Flush && fails()
                ? throw new BlockException(BlockErrorKind.Io, "broken", Errno.EIO)
                : default;
    }

    /// <summary>Random work of a guest, and of a backup that begins anew now and then.</summary>
    private sealed class Session(string format, int granularity, int seed)
    {
        private const int Steps = 28;

        private readonly Random _random = new(seed);

        /// <summary>Contents that the bitmap may count from: the last one backed up, and one that is about to be.</summary>
        private readonly List<byte[]> _bases = [];

        private PlainBitmap _bitmap = new("b", Size, granularity);

        public async Task RunAsync()
        {
            var storage = await TestDisk.CreateAsync(Size, format);
            storage.TrackDurability = true;
            var kills = new Kills(storage, ExamineAsync, seed);
            await using var disk = await TestDisk.OpenAsync(storage, options: On, wrap: kills.Wrap);
            _bases.Add(new byte[Size]);
            await disk.Facet<IBitmapJournal>().FollowAsync([new(_bitmap, null)], default);
            kills.Armed = true;
            for (var i = 0; i < Steps; i++)
            {
                // Most of it in few places, which are written again and again.
                var offset = _random.Next((i % 4 == 0 ? Size : Size / 8) / 4096) * 4096;
                var bytes = Math.Min(Size - offset, (1 + _random.Next(20)) * 4096);
                await ChangeAsync(disk, offset, bytes, i);
            }

            kills.Armed = false;
            Assert.True(kills.Count > 40, $"{kills.Count} kills");
            await disk.Facet<IBitmapStore>().StoreAsync([_bitmap], default);
        }

        private async Task ChangeAsync(TestDisk disk, int offset, int bytes, int step)
        {
            switch (step % 7)
            {
                case 0:
                    await disk.Node.WriteZeroesAsync(offset, bytes, ZeroFlags.MayUnmap, default);
                    break;
                case 1:
                    await disk.Node.DiscardAsync(offset, bytes, default);
                    break;
                case 2:
                    await disk.FlushAsync();
                    return;
                case 3:
                    await BackUpAsync(disk);
                    return;
                default:
                    await disk.WriteAsync(offset, bytes, (byte)_random.Next(1, 256));
                    break;
            }

            _bitmap.Set(offset, bytes);
        }

        /// <summary>The bitmap is clear from now on; a crash before that is known leaves the old one.</summary>
        private async Task BackUpAsync(TestDisk disk)
        {
            await disk.FlushAsync();
            _bases.Add(await disk.ReadAsync(0, Size));
            _bitmap = new PlainBitmap("b", Size, granularity);
            await disk.Facet<IBitmapJournal>().FollowAsync([new(_bitmap, null)], default);
            _bases.RemoveAt(0);
        }

        private async Task ExamineAsync(MemoryImage left)
        {
            // Refcounts that are kept lazily are wrong until the image is repaired, which opening it for writing does.
            var isLazy = format.Contains("lazy", StringComparison.Ordinal);
            await using var disk = await TestDisk.OpenAsync(left, readOnly: !isLazy);
            var check = await disk.CheckAsync();
            Assert.True(check is { Corruptions: 0, CheckErrors: 0 }, string.Join('\n', check.Messages));
            var content = await disk.ReadAsync(0, Size);
            var store = disk.Facet<IBitmapStore>();
            var stored = (await store.ListAsync(default)).Single();
            Assert.False(stored.InUse);
            Assert.True(stored.Auto);
            var bitmap = new PlainBitmap("b", Size, granularity);
            await store.LoadAsync(stored, bitmap, default);
            Assert.Contains(_bases, from => Holds(bitmap, from, content));
        }

        private bool Holds(PlainBitmap bitmap, byte[] from, byte[] content) =>
            bitmap.Bits.Select((bit, unit) => bit || from.AsSpan(unit * granularity, granularity)
                .SequenceEqual(content.AsSpan(unit * granularity, granularity))).All(holds => holds);
    }
}
