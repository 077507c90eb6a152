// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Block.Qcow2.Tests.Bitmaps;
using BlockHost.Conformance.TestHost;
using BlockHost.Formats.Testing;

namespace BlockHost.Block.Qcow2.Tests.Compaction;

/// <summary>A random image with everything that an image can hold, and holes between, and what it must read as.</summary>
internal sealed class HolyImage
{
    public const int Size = 1 << 20;
    private const int Block = 4096;

    private readonly Dictionary<string, byte[]> _snapshots = [];

    private HolyImage(MemoryImage storage) => Storage = storage;

    public MemoryImage Storage { get; private set; }

    public byte[] Content { get; set; } = [];

    public PlainBitmap Bitmap { get; private set; } = new("", 0, 512);

    public static async Task<HolyImage> MakeAsync(string options, int seed, bool withSnapshots)
    {
        var random = new Random(seed);
        var made = new HolyImage(await TestDisk.CreateAsync(Size, options));
        await using var disk = await TestDisk.OpenAsync(made.Storage, options: """{"discard-no-unref": false}""");
        for (var round = 0; round < 5; round++)
        {
            for (var i = 0; i < 8; i++) await ChangeAsync(disk, random);
            if (withSnapshots && round is 1 or 2)
            {
                var name = $"s{round}";
                made._snapshots[name] = await disk.ReadAsync(0, Size);
                await disk.Facet<ISnapshotStore>().CreateAsync(
                    new SnapshotRecord("", name, 0, DateTimeOffset.UnixEpoch, TimeSpan.Zero), default);
            }
        }

        made.Bitmap = PlainBitmap.Random("b", Size, 512, random);
        await disk.Facet<IBitmapStore>().StoreAsync([made.Bitmap, PlainBitmap.Random("c", Size, 4096, random)], default);
        for (var i = 0; i < 6; i++)
        {
            var first = random.Next(Size / Block);
            await disk.Node.DiscardAsync(first * Block, Math.Min(Size - (first * Block), random.Next(20, 80) * Block), default);
        }

        await disk.FlushAsync();
        made.Content = await disk.ReadAsync(0, Size);
        return made;
    }

    /// <summary>What an image left in the middle reads as.</summary>
    public async Task AssertSameAsync(MemoryImage storage, bool leaksAllowed, bool isLazy = false)
    {
        await using var disk = await TestDisk.OpenAsync(storage, readOnly: !isLazy);
        var check = await disk.CheckAsync();
        Assert.True(
            check is { Corruptions: 0, CheckErrors: 0 } && (leaksAllowed || check.Leaks == 0), string.Join('\n', check.Messages));
        Assert.Equal(Content, await disk.ReadAsync(0, Size));
        var store = disk.Facet<IBitmapStore>();
        var bitmap = new PlainBitmap("b", Size, 512);
        await store.LoadAsync((await store.ListAsync(default)).Single(b => b is { Name: "b", InUse: false }), bitmap, default);
        Assert.Equal(Bitmap.Text, bitmap.Text);
        if (isLazy) return;
        foreach (var record in await disk.Facet<ISnapshotStore>().ListAsync(default))
        {
            await disk.Facet<ISnapshotStore>().ShowAsync(record.Id, default);
            Assert.Equal(_snapshots[record.Name], await disk.ReadAsync(0, Size));
        }
    }

    private static async Task ChangeAsync(TestDisk disk, Random random)
    {
        var first = random.Next(Size / Block);
        var (offset, bytes) = (first * Block, Math.Min(Size - (first * Block), random.Next(1, 30) * Block));
        switch (random.Next(6))
        {
            case 0:
                await disk.Node.DiscardAsync(offset, bytes, default);
                break;
            case 1:
                await disk.Node.WriteZeroesAsync(offset, bytes, ZeroFlags.None, default);
                break;
            case 2:
                await CompressAsync(disk, offset, bytes, random);
                break;
            default:
                var data = new byte[bytes];
                random.NextBytes(data.AsSpan(0, bytes / 2));
                await disk.WriteAsync(offset, data);
                break;
        }
    }

    private static async Task CompressAsync(TestDisk disk, int offset, int bytes, Random random)
    {
        var cluster = Math.Max(Block, (int)disk.Node.Profile.Limits.OptimalTransfer);
        offset = offset / cluster * cluster;
        bytes = Math.Min(Size - offset, (bytes + cluster - 1) / cluster * cluster);
        await disk.Node.DiscardAsync(offset, bytes, default);
        var data = new byte[bytes];
        for (var at = 0; at < bytes; at += 16) data[at] = (byte)random.Next();
        await disk.Node.WriteAsync(offset, data, WriteFlags.Compressed, default);
    }
}
