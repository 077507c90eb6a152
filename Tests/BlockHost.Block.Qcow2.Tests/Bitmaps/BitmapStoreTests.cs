// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Formats.Testing;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Block.Qcow2.Tests.Bitmaps;

public sealed class BitmapStoreTests
{
    private const int Size = 16 << 20;
    private const int Unit = 4096;

    public static TheoryData<string> Formats =>
        new(
            "{}",
            """{"cluster-size": 512}""",
            """{"cluster-size": 512, "refcount-bits": 1}""",
            """{"cluster-size": 2097152, "refcount-bits": 64}""");

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task What_is_stored_is_loaded_again(string format)
    {
        var random = new Random(1);
        var storage = await TestDisk.CreateAsync(Size, format);
        var bitmaps = new List<PlainBitmap> { new("clean", Size, 65536), new("full", Size, 512) };
        bitmaps[1].Set(0, Size);
        for (var i = 0; i < 5; i++)
            bitmaps.Add(PlainBitmap.Random($"b{i}", Size, 512 << random.Next(12), random));
        bitmaps[^1].Enabled = false;
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            await disk.WriteAsync(0, 1 << 20, 0x11);
            await disk.Facet<IBitmapStore>().StoreAsync(bitmaps, default);
            await disk.AssertSoundAsync();
        }

        await using var again = await TestDisk.OpenAsync(storage);
        var store = again.Facet<IBitmapStore>();
        var stored = await store.ListAsync(default);
        Assert.Equal(bitmaps.Select(b => new StoredBitmap(b.Name!, b.Granularity, InUse: false, b.Enabled)), stored);
        foreach (var (entry, bitmap) in stored.Zip(bitmaps))
            Assert.Equal(bitmap.Text, await LoadAsync(store, entry));
        await again.AssertSoundAsync();
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Storing_again_and_again_takes_no_more_space(string format)
    {
        var random = new Random(2);
        var storage = await TestDisk.CreateAsync(Size, format);
        await using var disk = await TestDisk.OpenAsync(storage);
        var store = disk.Facet<IBitmapStore>();
        var length = 0L;
        for (var round = 0; round < 12; round++)
        {
            var bitmaps = Enumerable.Range(0, 3).Select(i => PlainBitmap.Random($"b{i}", Size, Unit, random)).ToArray();
            await store.StoreAsync(bitmaps, default);
            await disk.FlushAsync();
            await disk.FlushAsync();
            if (round == 5) length = disk.File.Length;
        }

        Assert.InRange(disk.File.Length, 0, length + (length / 4));
        foreach (var entry in await store.ListAsync(default))
            await store.RemoveAsync(entry.Name, default);
        Assert.Empty(await store.ListAsync(default));
        await disk.FlushAsync();
        await disk.AssertSoundAsync();
    }

    [Fact]
    public async Task Marking_in_use_and_removing_leave_the_others_as_they_are()
    {
        var storage = await TestDisk.CreateAsync(Size);
        await using var disk = await TestDisk.OpenAsync(storage);
        var store = disk.Facet<IBitmapStore>();
        var (first, second) = (PlainBitmap.Random("first", Size, Unit, new Random(3)), PlainBitmap
            .Random("second", Size, 512, new Random(4)));
        await store.StoreAsync([first, second], default);
        await store.MarkInUseAsync(default);
        Assert.All(await store.ListAsync(default), entry => Assert.True(entry.InUse));
        await store.StoreAsync([first], default);
        Assert.Equal([false, true], (await store.ListAsync(default)).Select(entry => entry.InUse));
        await store.RemoveAsync("second", default);
        await store.RemoveAsync("nope", default);
        Assert.Equal(first.Text, await LoadAsync(store, Assert.Single(await store.ListAsync(default))));
        await disk.AssertSoundAsync();
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"cluster-size": 512}""")]
    [InlineData("""{"cluster-size": 4096, "lazy-refcounts": true}""")]
    public async Task A_power_cut_leaves_a_bitmap_as_it_was_stored_or_in_use(string format)
    {
        var random = new Random(5);
        var storage = await TestDisk.CreateAsync(1 << 20, format);
        storage.TrackDurability = true;
        var allowed = new Dictionary<string, HashSet<string>>();
        var (seen, lazy) = (0, format.Contains("lazy", StringComparison.Ordinal));
        var cuts = new PowerCuts(storage, async disk =>
        {
            if (!lazy)
            {
                var result = await disk.CheckAsync();
                Assert.True(result is { Corruptions: 0, CheckErrors: 0 }, string.Join('\n', result.Messages));
            }

            var store = disk.Facet<IBitmapStore>();
            foreach (var entry in (await store.ListAsync(default)).Where(entry => !entry.InUse))
            {
                seen++;
                Assert.Contains(await LoadAsync(store, entry, 1 << 20), allowed.GetValueOrDefault(entry.Name) ?? []);
            }
        });
        await using (var disk = await TestDisk.OpenAsync(storage, wrap: cuts.Wrap))
        {
            var store = disk.Facet<IBitmapStore>();
            cuts.Armed = true;
            for (var round = 0; round < 8; round++)
            {
                await store.MarkInUseAsync(default);
                allowed.Clear();
                await disk.WriteAsync(random.Next(1 << 19), 5000, (byte)round);
                if (random.Next(2) == 0) await disk.FlushAsync();
                var bitmaps = Enumerable.Range(0, 3).Select(i => PlainBitmap.Random($"b{i}", 1 << 20, 512, random)).ToArray();
                foreach (var bitmap in bitmaps)
                    allowed[bitmap.Name!] = [bitmap.Text];
                await store.StoreAsync(bitmaps, default);
                if (round % 3 == 2) await store.RemoveAsync("b1", default);
            }
            cuts.Armed = false;
            foreach (var entry in await store.ListAsync(default))
                await store.RemoveAsync(entry.Name, default);
        }

        Assert.True(cuts.Cuts > 50);
        Assert.True(seen > 50);
    }

    [Fact]
    public async Task Failed_writes_leave_what_was_stored()
    {
        var storage = await TestDisk.CreateAsync(1 << 20, """{"cluster-size": 4096}""");
        var failing = new FailingWrites();
        await using var disk = await TestDisk.OpenAsync(storage, wrap: failing.Wrap);
        var store = disk.Facet<IBitmapStore>();
        var old = PlainBitmap.Random("b", 1 << 20, 512, new Random(6));
        await store.StoreAsync([old], default);
        var failures = 0;
        for (var at = 0; at < 40; at++)
        {
            failing.FailAfter = at;
            var next = PlainBitmap.Random("b", 1 << 20, 512, new Random(7 + at));
            try
            {
                await store.StoreAsync([next], default);
                old = next;
            }
            catch (BlockException)
            {
                failures++;
            }

            failing.FailAfter = int.MaxValue;
            Assert.Equal(old.Text, await LoadAsync(store, Assert.Single(await store.ListAsync(default)), 1 << 20));
        }

        Assert.InRange(failures, 3, 39);
        await disk.FlushAsync();
        var result = await disk.CheckAsync();
        Assert.True(result is { Corruptions: 0, CheckErrors: 0 }, string.Join('\n', result.Messages));
    }

    [Fact]
    public async Task Entries_that_are_not_understood_are_kept_and_marked_in_use()
    {
        var storage = await StoredAsync("known", "other", "extra");
        var directory = Directory(storage);
        ChangeEntry(directory, "other", entry => entry[16] = 7);
        ChangeEntry(directory, "extra", entry => entry[12] = 0x80);
        // An image that has them is not opened, as with QEMU: they come while it is open.
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            Put(storage, directory);
            var store = disk.Facet<IBitmapStore>();
            Assert.Equal(["known"], (await store.ListAsync(default)).Select(entry => entry.Name));
            await store.MarkInUseAsync(default);
            await store.StoreAsync(
                [PlainBitmap.Random("known", Size, Unit, new Random(8)), new PlainBitmap("new", Size, Unit)], default);
            await store.RemoveAsync("known", default);
            await disk.AssertSoundAsync();
        }

        var kept = BitmapEntry.ParseDirectory(Directory(storage), new ClusterGeometry(16, 4, extendedL2: false));
        Assert.Equal(["other", "extra", "new"], kept.Select(entry => entry.Name));
        Assert.Equal([7, 1, 1], kept.Select(entry => (int)entry.Type));
        Assert.Equal([true, true, false], kept.Select(entry => entry.InUse));
        Assert.Equal(0x8000_0003u, (uint)kept[1].Flags);
    }

    [Fact]
    public async Task The_extension_counts_only_while_the_autoclear_bit_is_set()
    {
        var storage = await StoredAsync("b");
        storage.Write(95, new byte[] { 0 });
        await using var disk = await TestDisk.OpenAsync(storage);
        Assert.Empty(await disk.Facet<IBitmapStore>().ListAsync(default));
        await disk.Facet<IBitmapStore>().StoreAsync([new PlainBitmap("new", Size, Unit)], default);
        Assert.Equal("new", Assert.Single(await disk.Facet<IBitmapStore>().ListAsync(default)).Name);
    }

    [Theory]
    [InlineData("count", "Bitmap extra data is not supported")]
    [InlineData("same names", "Bitmap already exists: b1")]
    [InlineData("name length", "Broken bitmap directory")]
    [InlineData("extra length", "Broken bitmap directory")]
    [InlineData("table offset", "Bitmap 'b1' doesn't satisfy the constraints")]
    [InlineData("table size", "Bitmap 'b1' doesn't satisfy the constraints")]
    [InlineData("granularity", "Bitmap 'b1' doesn't satisfy the constraints")]
    public async Task Damaged_directories_are_refused(string damage, string expected)
    {
        var storage = await StoredAsync("b0", "b1");
        var directory = Directory(storage);
        switch (damage)
        {
            case "count":
                ChangeEntry(directory, "b0", entry => BinaryPrimitives.WriteUInt32BigEndian(entry.AsSpan(20), 32));
                break;
            case "same names":
                ChangeEntry(directory, "b0", entry => entry[25] = (byte)'1');
                break;
            case "name length":
                ChangeEntry(directory, "b1", entry => entry[18] = 0xff);
                break;
            case "extra length":
                ChangeEntry(directory, "b1", entry => entry[20] = 0xff);
                break;
            case "table offset":
                ChangeEntry(directory, "b1", entry => entry[7] = 1);
                break;
            case "granularity":
                ChangeEntry(directory, "b1", entry => entry[17] = 0xff);
                break;
            default:
                ChangeEntry(directory, "b1", entry => entry[8] = 0xff);
                break;
        }

        Put(storage, directory);
        Assert.Equal(expected, (await Assert.ThrowsAsync<BlockException>(() => TestDisk.OpenAsync(storage))).Message);
        Assert.Equal(
            expected, (await Assert.ThrowsAsync<BlockException>(() => TestDisk.OpenAsync(storage, readOnly: true))).Message);
        Assert.Equal(
            expected, (await Assert.ThrowsAsync<BlockException>(() => TestDisk.OpenAsync(storage, forRepair: true))).Message);
    }

    [Theory]
    [InlineData(0xff00_0000_0000_0000)]
    [InlineData(0x0000_0000_0000_0200)]
    [InlineData(0x0000_0000_0001_0001)]
    [InlineData(0x0000_0000_0000_0002)]
    public async Task Damaged_tables_are_refused(ulong entry)
    {
        var storage = await StoredAsync("b");
        var table = BinaryPrimitives.ReadInt64BigEndian(Directory(storage));
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, entry);
        await using var disk = await TestDisk.OpenAsync(storage);
        storage.Write(table, bytes);
        var refusal = await Assert.ThrowsAsync<BlockException>(() => TestDisk.OpenAsync(storage));
        Assert.Equal("Could not read bitmap_table table from image for bitmap 'b': Invalid argument", refusal.Message);
        var store = disk.Facet<IBitmapStore>();
        var stored = Assert.Single(await store.ListAsync(default));
        var error = await Assert.ThrowsAsync<BlockException>(async () => await LoadAsync(store, stored));
        Assert.Equal($"Bitmap 'b' has an invalid table entry 0: {entry:x}", error.Message);
    }

    [Fact]
    public async Task Limits_of_the_format_are_kept()
    {
        await using var old = await TestDisk.NewAsync(Size, """{"version": "v2"}""");
        await using var disk = await TestDisk.NewAsync(1L << 50);
        Assert.Equal("Cannot store dirty bitmaps in qcow2 v2 files", await RefusalAsync(old, "b", 65536));
        Assert.Null(await RefusalAsync(disk, "b", 1 << 20));
        Assert.Equal("Too much space will be occupied by the bitmap. Use larger granularity", await RefusalAsync(disk, "b", 512));
        Assert.Equal("Granularity exceeds maximum (2147483648 bytes)", await RefusalAsync(disk, "b", 1L << 32));
        Assert.Equal("Granularity is under minimum (512 bytes)", await RefusalAsync(disk, "b", 256));
        Assert.Equal("Name length exceeds maximum (1023 characters)", await RefusalAsync(disk, new string('x', 1024), 1 << 20));
        var many = Enumerable.Range(0, 65535).Select(i => new PlainBitmap($"{i}", 1, 1 << 20)).ToArray();
        var error = await Assert.ThrowsAsync<BlockException>(
            async () => await disk.Facet<IBitmapStore>().CheckNewAsync("b", 1 << 20, many, default));
        Assert.Equal("Maximum number of persistent bitmaps is already reached", error.Message);
    }

    private static async Task<string?> RefusalAsync(TestDisk disk, string name, long granularity)
    {
        try
        {
            await disk.Facet<IBitmapStore>().CheckNewAsync(name, granularity, [], default);
            return null;
        }
        catch (BlockException e)
        {
            return e.Message;
        }
    }

    private static async Task<string> LoadAsync(IBitmapStore store, StoredBitmap entry, long size = Size)
    {
        var bitmap = new PlainBitmap(entry.Name, size, entry.Granularity);
        await store.LoadAsync(entry, bitmap, default);
        return bitmap.Text;
    }

    private static async Task<MemoryImage> StoredAsync(params string[] names)
    {
        var storage = await TestDisk.CreateAsync(Size);
        await using var disk = await TestDisk.OpenAsync(storage);
        await disk.Facet<IBitmapStore>().StoreAsync(
            [.. names.Select(name => PlainBitmap.Random(name, Size, Unit, new Random(9)))], default);
        return storage;
    }

    private static BitmapsExtension Place(MemoryImage storage)
    {
        var header = HeaderParser.Parse(Bytes(storage, 0, 65536));
        return BitmapsExtension.Parse(header.Extension(HeaderExtension.Bitmaps)!.Data, header.Geometry());
    }

    private static byte[] Directory(MemoryImage storage) =>
        Bytes(storage, Place(storage).DirectoryOffset, (int)Place(storage).DirectorySize);

    private static void Put(MemoryImage storage, byte[] directory) => storage.Write(Place(storage).DirectoryOffset, directory);

    private static byte[] Bytes(MemoryImage storage, long offset, int count)
    {
        var bytes = new byte[count];
        storage.Read(offset, bytes);
        return bytes;
    }

    /// <summary>Entries here are 32 bytes long: a name of at most 8 and no extra data.</summary>
    private static void ChangeEntry(byte[] directory, string name, Action<byte[]> change)
    {
        for (var at = 0; at < directory.Length; at += 32)
        {
            var entry = directory[at..(at + 32)];
            if (!entry.AsSpan(24).StartsWith(Encoding.ASCII.GetBytes(name)))
                continue;
            change(entry);
            entry.CopyTo(directory, at);
        }
    }

    /// <summary>A certain write fails.</summary>
    private sealed class FailingWrites
    {
        public int FailAfter { get; set; } = int.MaxValue;

        public IBlockChild Wrap(IBlockChild inner) => new Child(inner, this);

        private sealed class Child(IBlockChild inner, FailingWrites owner) : DelegatingChild(inner)
        {
            protected override ValueTask BeforeAsync(ChildOperation operation)
            {
                if (operation.IsWrite && owner.FailAfter-- == 0)
                    throw new BlockException(BlockErrorKind.NoSpace, "full");
                return ValueTask.CompletedTask;
            }
        }
    }
}
