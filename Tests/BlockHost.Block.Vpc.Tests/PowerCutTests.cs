// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vpc.Tests;

/// <summary>
/// The power fails before every write and flush of an operation, and any part of what was not flushed is lost: what is left opens, and holds
/// all that was flushed, and QEMU reads the same of it.
/// </summary>
public sealed class PowerCutTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vpc").FullName;
    private readonly Random _random = new(1);
    private MemoryImage _storage = new();
    private byte[] _flushed = [];
    private bool _isExamining;
    private int _cuts;

    [Theory]
    [InlineData("dynamic")]
    [InlineData("fixed")]
    public async Task While_an_image_is_made_it_is_none_or_whole(string subformat)
    {
        _storage.TrackDurability = true;
        _flushed = new byte[VpcBed.Block];
        await VpcBed.CreateAsync(new Cutter(new MemoryChild(_storage), () => ExamineAsync(mayBeNone: true)), VpcBed.Block, subformat);
        Assert.True(_cuts >= 4);
        await ExamineAsync(_storage);
    }

    [Fact]
    public async Task While_blocks_are_written()
    {
        await using var node = await StartAsync(await VpcBed.CreateAsync(4 * VpcBed.Block));
        for (var i = 0; i < 16; i++)
        {
            // What was flushed is left alone, so that all of it can be compared.
            await VpcBed.WriteAsync(node, (i % 4 * VpcBed.Block) + (i / 4 * 70_000), 60_000, (byte)(i + 1));
            if (i % 5 == 4)
            {
                await node.FlushAsync(default);
                _flushed = await VpcBed.ReadAllAsync(node);
            }
        }

        Assert.True(_cuts > 20);
    }

    [Theory]
    [InlineData("dynamic", 2, 3)]
    [InlineData("dynamic", 3, 1)]
    [InlineData("dynamic", 1, 200)]
    [InlineData("fixed", 1, 2)]
    [InlineData("fixed", 2, 1)]
    public async Task While_the_disk_gets_longer_or_shorter(string subformat, int before, int after)
    {
        var image = await VpcBed.CreateAsync(before * (long)VpcBed.Block, subformat);
        await using (var node = await VpcBed.OpenAsync(image))
        {
            for (var block = before - 1; block >= 0; block--)
                await VpcBed.WriteAsync(node, block * (long)VpcBed.Block, 100_000, (byte)(block + 1));
        }

        await using (var node = await StartAsync(image))
        {
            _flushed = _flushed[..(Math.Min(before, after) * VpcBed.Block)];
            await VpcBed.ResizeAsync(node, after * (long)VpcBed.Block);
            var expected = new byte[after * VpcBed.Block];
            _flushed.CopyTo(expected, 0);
            Assert.True(VpcBed.Same(expected, await VpcBed.ReadAllAsync(node)));
        }

        Assert.True(_cuts > 2);
        await ExamineAsync(_storage);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<BlockNode> StartAsync(MemoryImage image)
    {
        await using (var whole = await VpcBed.OpenAsync(image, readOnly: true))
            _flushed = await VpcBed.ReadAllAsync(whole);
        _storage = image;
        image.TrackDurability = true;
        return await VpcBed.OpenAsync(image, wrap: child => new Cutter(child, () => ExamineAsync(mayBeNone: false)));
    }

    private async ValueTask ExamineAsync(bool mayBeNone)
    {
        if (_isExamining)
            return;
        _isExamining = true;
        _cuts++;
        var left = _storage.AfterPowerCut(_random);
        var isImage = left.Length >= 512 && (left.Read(0, 1)[0] == 'c' || left.Read(left.Length - 512, 1)[0] == 'c');
        // A new image that grows has its footer at the end before it has the copy that makes it one.
        if (!mayBeNone || (isImage && left.Read(0, 8) is not [0, 0, 0, 0, 0, 0, 0, 0]))
            await ExamineAsync(left);
        _isExamining = false;
    }

    private async Task ExamineAsync(MemoryImage left)
    {
        byte[] content;
        await using (var node = await VpcBed.OpenAsync(left))
            content = await VpcBed.ReadAllAsync(node);
        AssertHolds(content);
        if (_cuts % 5 == 0 && VpcBed.HasQemu && content.Length <= 16 << 20)
            Assert.True(VpcBed.Same(content, await VpcBed.ReadByQemuAsync(left, _folder)));
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
