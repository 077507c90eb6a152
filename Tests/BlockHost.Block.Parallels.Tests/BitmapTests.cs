// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Parallels.Tests;

/// <summary>Dirty bitmaps in the format extension: what is stored is there again, and what is out of date never is.</summary>
public sealed class BitmapTests : IDisposable
{
    private const int Cluster = ParallelsBed.Cluster;
    private const int Length = 40 * Cluster;
    private const string One = "00010203-0405-0607-0809-0a0b0c0d0e0f";
    private const string Two = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";

    private readonly string _folder = Directory.CreateTempSubdirectory("parallels").FullName;

    private bool HasExtension(MemoryImage image) => BitConverter.ToInt64(image.Read(56, 8)) != 0;

    [Fact]
    public async Task A_bitmap_is_read_and_dropped_by_the_first_change()
    {
        var image = await ParallelsBed.CreateAsync(3);
        ParallelsBed.AddBitmap(image);
        await using (var node = await ParallelsBed.Images.OpenAsync(image, readOnly: true))
            Assert.Equal([new StoredBitmap(One, 65536, false, true)], await Store(node).ListAsync(default));
        await using (var node = await ParallelsBed.Images.OpenAsync(image))
            await Disk.ReadAllAsync(node);
        Assert.True(HasExtension(image));
        await using (var node = await ParallelsBed.Images.OpenAsync(image))
            await Disk.WriteAsync(node, 0, 512, 1);
        Assert.False(HasExtension(image));
        await using var again = await ParallelsBed.Images.OpenAsync(image);
        Assert.Empty((await Disk.CheckAsync(again)).Messages);
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    [InlineData(1 << 20)]
    public async Task What_is_stored_is_there_when_the_image_is_opened_again(long granularity)
    {
        var image = await ParallelsBed.CreateAsync(40);
        PlainBitmap[] bitmaps =
        [
            PlainBitmap.Random(One, Length, granularity, new Random(1)),
            new(Two, Length, granularity),
        ];
        await using (var node = await ParallelsBed.Images.OpenAsync(image))
        {
            await Disk.WriteAsync(node, 5 * Cluster, 5000, 1);
            await Store(node).StoreAsync(bitmaps, default);
        }

        await using (var node = await ParallelsBed.Images.OpenAsync(image))
            Assert.Empty((await Disk.CheckAsync(node)).Messages);
        Assert.Equal(bitmaps.Select(bitmap => bitmap.Text), await LoadAllAsync(image));
    }

    [Fact]
    public async Task Others_stay_where_one_is_replaced_or_removed()
    {
        var image = await ParallelsBed.CreateAsync(40);
        var (first, second) = (Random(One, 1), Random(Two, 2));
        await using (var node = await ParallelsBed.Images.OpenAsync(image))
        {
            await Store(node).StoreAsync([first, second], default);
            first = Random(One, 3);
            await Store(node).StoreAsync([first], default);
        }

        Assert.Equal([second.Text, first.Text], await LoadAllAsync(image));
        await using (var node = await ParallelsBed.Images.OpenAsync(image))
            await Store(node).RemoveAsync(Two, default);
        Assert.Equal([first.Text], await LoadAllAsync(image));
        await using (var node = await ParallelsBed.Images.OpenAsync(image))
            await Store(node).RemoveAsync(One, default);
        Assert.False(HasExtension(image));
    }

    [Fact]
    public async Task After_a_crash_or_a_repair_no_bitmap_is_taken_for_true()
    {
        var image = await ParallelsBed.CreateAsync(40);
        await using (var node = await ParallelsBed.Images.OpenAsync(image))
            await Store(node).StoreAsync([Random(One, 1)], default);
        await using (var left = await ParallelsBed.Images.OpenAsync(image))
        {
            await Store(left).MarkInUseAsync(default);
            await left.FlushAsync(default);
            await using var node = await ParallelsBed.Images.OpenAsync(image.Clone(), readOnly: true);
            Assert.False(node.TryGetFacet<IBitmapStore>(out _));
        }

        // A program that leaves the extension where it was, and dies.
        var other = await ParallelsBed.CreateAsync(40);
        await using (var node = await ParallelsBed.Images.OpenAsync(other))
            await Store(node).StoreAsync([Random(One, 1)], default);
        other.Write(44, BitConverter.GetBytes(0x746f6e59));
        await using (var node = await ParallelsBed.Images.OpenAsync(other, readOnly: true))
            Assert.True(Assert.Single(await Store(node).ListAsync(default)).InUse);
        await using (var node = await ParallelsBed.Images.OpenAsync(other, forRepair: true))
            await Disk.CheckAsync(node, CheckRepair.Errors);
        Assert.False(HasExtension(other));
    }

    [Fact]
    public async Task A_power_cut_leaves_all_of_a_bitmap_or_nothing()
    {
        var bitmap = Random(One, 1);
        var cuts = new PowerCuts(async left =>
        {
            await using var node = await ParallelsBed.Images.OpenAsync(left, readOnly: true);
            if (node.TryGetFacet<IBitmapStore>(out _))
                Assert.Equal([bitmap.Text], await LoadAllAsync(left));
        });
        var image = await ParallelsBed.CreateAsync(40);
        for (var i = 0; i < 3; i++)
        {
            await using var node = await ParallelsBed.Images.OpenAsync(image, wrap: child => cuts.Watch(image, child));
            await Store(node).MarkInUseAsync(default);
            await Disk.WriteAsync(node, i * Cluster, 5000, 1);
            await Store(node).StoreAsync([bitmap], default);
        }

        Assert.True(cuts.Count > 20);
    }

    [Theory]
    [InlineData("bitmap0", 65536, "Bitmaps in Parallels images are named by ids such as '6ba7b810-9dad-11d1-80b4-00c04fd430c8'")]
    [InlineData("6BA7B810-9DAD-11D1-80B4-00C04FD430C8", 65536, "Bitmaps in Parallels images are named by ids such as '6ba7b810-9dad-11d1-80b4-00c04fd430c8'")]
    [InlineData(Two, 1L << 31, "Granularity may be at most 1073741824 in a Parallels image")]
    public async Task What_the_format_cannot_hold_is_refused(string name, long granularity, string text)
    {
        await using var node = await ParallelsBed.Images.OpenAsync(await ParallelsBed.CreateAsync(40));
        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await Store(node).CheckNewAsync(name, granularity, [], default));
        Assert.Equal(text, e.Message);
    }

    [Fact]
    public async Task An_extension_that_is_full_takes_no_more()
    {
        // 4 KiB have room for some 40 bitmaps.
        var image = await ParallelsBed.Images.CreateAsync(("size", Length), ("cluster-size", 4096));
        await using var node = await ParallelsBed.Images.OpenAsync(image);
        var many = Enumerable.Range(0, 100)
            .Select(i => new PlainBitmap(new Guid(i, 0, 0, new byte[8]).ToString(), Length, 65536)).ToList();
        await Store(node).CheckNewAsync(Two, 65536, [.. many.Take(30)], default);
        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await Store(node).CheckNewAsync(Two, 65536, many, default));
        Assert.Equal("The Format Extension cluster has no room for the bitmap", e.Message);
        await Assert.ThrowsAsync<BlockException>(async () => await Store(node).StoreAsync(many, default));
        Assert.False(HasExtension(image));
    }

    [SkippableFact]
    public async Task Qemu_reads_what_is_stored()
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-storage-daemon"), "needs qemu-storage-daemon");
        var image = await ParallelsBed.CreateAsync(40);
        var bitmap = Random(One, 1);
        await using (var node = await ParallelsBed.Images.OpenAsync(image))
            await Store(node).StoreAsync([bitmap], default);
        await Qemu.SaveAsync(image, Path.Combine(_folder, "image"));
        const string Script = """
            printf '%s\n' '{"execute":"qmp_capabilities"}' '{"execute":"query-named-block-nodes"}' '{"execute":"quit"}' |
            qemu-storage-daemon --chardev stdio,id=c --monitor c \
                --blockdev parallels,node-name=p,read-only=on,file.driver=file,file.filename=image
            """;
        var (_, output) = Qemu.Run(_folder, "bash", "-c", Script);
        var answer = output.Split('\n').Where(line => line.StartsWith('{')).Select(line => JsonNode.Parse(line)!)
            .First(message => message["return"] is JsonArray);
        var shown = answer["return"]!.AsArray().Single(node => (string?)node!["node-name"] == "p")!["dirty-bitmaps"]![0]!;
        Assert.Equal((One, 65536, bitmap.DirtyBytes), ((string?)shown["name"], (int)shown["granularity"]!, (long)shown["count"]!));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static PlainBitmap Random(string id, int seed) => PlainBitmap.Random(id, Length, 65536, new Random(seed));

    private static IBitmapStore Store(BlockNode node) =>
        node.TryGetFacet<IBitmapStore>(out var store) ? store : throw new InvalidOperationException("It keeps no bitmaps");

    private static async Task<List<string>> LoadAllAsync(MemoryImage image)
    {
        await using var node = await ParallelsBed.Images.OpenAsync(image, readOnly: true);
        var texts = new List<string>();
        foreach (var stored in await Store(node).ListAsync(default))
        {
            Assert.False(stored.InUse && image.Read(44, 4)[0] == 0);
            var loaded = new PlainBitmap(stored.Name, Length, stored.Granularity);
            await Store(node).LoadAsync(stored, loaded, default);
            texts.Add(loaded.Text);
        }

        return texts;
    }
}
