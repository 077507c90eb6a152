// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vhdx.Tests;

/// <summary>
/// The power fails before every write and flush of an operation, and any part of what was not flushed is lost: what is left
/// opens, its log is replayed, it holds all that was flushed, and QEMU reads the same of it.
/// </summary>
public sealed class PowerCutTests : IDisposable
{
    /// <summary>So much of a disk is compared.</summary>
    private const int Start = 8 << 20;

    private readonly string _folder = Directory.CreateTempSubdirectory("vhdx").FullName;
    private readonly Random _random = new(1);
    private MemoryImage _storage = new();
    private byte[] _flushed = [];
    private bool _isExamining;
    private int _cuts;
    private int _replays;
    private MemoryImage? _parent;

    [Theory]
    [InlineData("dynamic")]
    [InlineData("fixed")]
    public async Task While_an_image_is_made_it_is_none_or_whole(string subformat)
    {
        _storage.TrackDurability = true;
        _flushed = new byte[VhdxBed.Block];
        var cutter = new Cutter(new MemoryChild(_storage), () => ExamineAsync(mayBeNone: true));
        await VhdxBed.CreateAsync(cutter, VhdxBed.Block, ("subformat", subformat));
        Assert.True(_cuts >= 8);
        await ExamineAsync(_storage);
    }

    [Fact]
    public async Task While_blocks_are_written_and_the_image_is_closed()
    {
        var node = await StartAsync(await VhdxBed.CreateAsync(4 * VhdxBed.Block));
        for (var i = 0; i < 16; i++)
        {
            // What was flushed is left alone, so that all of it can be compared.
            await Disk.WriteAsync(node, (i % 4 * VhdxBed.Block) + (i / 4 * 70_000), 60_000, (byte)(i + 1));
            if (i % 3 == 2)
            {
                await node.FlushAsync(default);
                _flushed = await Disk.ReadAllAsync(node);
            }
        }

        _flushed = await Disk.ReadAllAsync(node);
        await node.FlushAsync(default);
        await node.DisposeAsync();
        Assert.True(_cuts > 30 && _replays > 2, $"{_cuts} cuts, {_replays} replays");
        await ExamineAsync(_storage);
    }

    [Fact]
    public async Task While_a_log_is_replayed()
    {
        var image = await VhdxBed.CreateAsync(3 * VhdxBed.Block);
        var table = image.Read(VhdxBed.Table, 4096);
        MemoryImage dirty;
        await using (var node = await VhdxBed.OpenAsync(image))
        {
            await Disk.WriteAsync(node, VhdxBed.Block, 100_000, 7);
            await node.FlushAsync(default);
            _flushed = await Disk.ReadAllAsync(node);
            dirty = image.Clone();
        }

        // As if nothing had come to its place yet.
        dirty.Write(VhdxBed.Table, table);
        _storage = dirty;
        dirty.TrackDurability = true;
        await using var replayed = await VhdxBed.OpenAsync(
            dirty, wrap: child => new Cutter(child, () => ExamineAsync(mayBeNone: false)));
        Assert.True(_cuts > 3 && _replays > 2, $"{_cuts} cuts, {_replays} replays");
        Assert.True(Disk.Same(_flushed, await Disk.ReadAllAsync(replayed)));
    }

    /// <summary>The last one needs a table that is longer than its region.</summary>
    [Theory]
    [InlineData("dynamic", 2, 3)]
    [InlineData("dynamic", 3, 1)]
    [InlineData("dynamic", 1, 700)]
    [InlineData("dynamic", 700, 1)]
    [InlineData("fixed", 1, 3)]
    [InlineData("fixed", 3, 1)]
    [InlineData("dynamic", 2, 140_000)]
    public async Task While_the_disk_gets_longer_or_shorter(string subformat, int before, int after)
    {
        var image = await VhdxBed.CreateAsync((before * (long)VhdxBed.Block) - 512, ("subformat", subformat));
        await using (var node = await VhdxBed.OpenAsync(image))
        {
            for (var block = Math.Min(before, 5) - 1; block >= 0; block--)
                await Disk.WriteAsync(node, block * (long)VhdxBed.Block, 100_000, (byte)(block + 1));
        }

        await using (var node = await StartAsync(image))
        {
            var common = (int)Math.Min(Math.Min(before, after) * (long)VhdxBed.Block, Start);
            _flushed = _flushed[..Math.Min(common, _flushed.Length)];
            await Disk.ResizeAsync(node, after * (long)VhdxBed.Block);
            Assert.Equal(after * (long)VhdxBed.Block, node.Profile.Length);
            AssertHolds(await ReadStartAsync(node));
            if (after > before)
                await Disk.WriteAsync(node, (after * (long)VhdxBed.Block) - 512, 512, 1);
        }

        Assert.True(_cuts > 2);
        await ExamineAsync(_storage);
    }

    [Fact]
    public async Task While_a_differencing_image_is_written()
    {
        var image = await VhdxBed.CreateAsync(3 * VhdxBed.Block, ("block-state-zero", false));
        VhdxBed.GiveParent(image);
        _parent = new MemoryImage(Enumerable.Repeat((byte)9, 3 * VhdxBed.Block).ToArray());
        await using var node = await StartAsync(image);
        for (var i = 0; i < 6; i++)
        {
            // The parent's bytes there count as flushed.
            _flushed.AsSpan((i % 3 * VhdxBed.Block) + (i / 3 * 70_000), 60_000).Clear();
            await Disk.WriteAsync(node, (i % 3 * VhdxBed.Block) + (i / 3 * 70_000), 60_000, (byte)(i + 1));
            if (i % 2 == 0)
                continue;
            await node.FlushAsync(default);
            _flushed = await Disk.ReadAllAsync(node);
        }

        Assert.True(_cuts > 15);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<BlockNode> StartAsync(MemoryImage image)
    {
        await using (var whole = await VhdxBed.OpenAsync(image, readOnly: true, backing: Parent))
            _flushed = await ReadStartAsync(whole);
        _storage = image;
        image.TrackDurability = true;
        return await VhdxBed.OpenAsync(
            image, backing: Parent, wrap: child => new Cutter(child, () => ExamineAsync(mayBeNone: false)));
    }

    private MemoryChild? Parent => _parent is null ? null : new MemoryChild(_parent, "backing") { ReadOnly = true };

    private static async Task<byte[]> ReadStartAsync(BlockNode node)
    {
        var bytes = new byte[Math.Min(node.Profile.Length, Start)];
        await node.ReadAsync(0, bytes, ReadFlags.None, default);
        return bytes;
    }

    private async ValueTask ExamineAsync(bool mayBeNone)
    {
        if (_isExamining)
            return;
        _isExamining = true;
        _cuts++;
        var left = _storage.AfterPowerCut(_random);
        if (!mayBeNone || left.Read(0, 1)[0] == 'v')
            await ExamineAsync(left);
        _isExamining = false;
    }

    private async Task ExamineAsync(MemoryImage left)
    {
        var asLeft = left.Clone();
        byte[] content;
        await using (var node = await VhdxBed.OpenAsync(left, backing: Parent))
        {
            content = await ReadStartAsync(node);
            var found = await Disk.CheckAsync(node);
            Assert.Equal(0, found.Corruptions);
            _replays += (int)found.CorruptionsFixed;
        }

        AssertHolds(content);
        if (_cuts % 5 == 0 && Qemu.IsInstalled && content.Length < Start && _parent is null)
            Assert.True(Disk.Same(content, await VhdxBed.ReadByQemuAsync(asLeft, _folder)));
    }

    /// <summary>What was flushed and not written since: all other bytes were zero, and are so or new.</summary>
    private void AssertHolds(ReadOnlySpan<byte> content)
    {
        var common = Math.Min(_flushed.Length, content.Length);
        for (var at = 0; at < common; at++)
        {
            at += content[at..common].CommonPrefixLength(_flushed.AsSpan(at, common - at));
            if (at < common && _flushed[at] != 0)
                Assert.Fail($"At {at} is {content[at]}, and {_flushed[at]} was flushed");
        }
    }

    private sealed class Cutter(IBlockChild inner, Func<ValueTask> examine) : DelegatingChild(inner)
    {
        protected override async ValueTask BeforeAsync(ChildOperation operation)
        {
            if (operation.IsWrite || operation.Kind == ChildOperationKind.Flush)
                await examine();
        }
    }
}
