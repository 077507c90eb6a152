// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vdi.Tests;

/// <summary>
/// The power fails before every write and flush of an operation, and any part of what was not flushed is lost. What is left holds all that was
/// flushed; a check finds no more than a count that is too high, and a block that a longer map pushed out; a repair leaves nothing to be found.
/// </summary>
public sealed class PowerCutTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vdi").FullName;
    private readonly Random _random = new(1);
    private MemoryImage _storage = new();
    private byte[] _flushed = [];
    private bool _isExamining;
    private int _cuts;
    private bool _mayBeCorrupt;

    [Fact]
    public async Task While_an_image_is_made_it_is_none_or_whole()
    {
        _storage.TrackDurability = true;
        _flushed = new byte[3 * VdiBed.Block];
        await VdiBed.CreateAsync(new Cutter(new MemoryChild(_storage), () => ExamineAsync(mayBeNone: true)), 3 * VdiBed.Block);
        Assert.True(_cuts >= 4);
    }

    [Fact]
    public async Task While_blocks_are_written()
    {
        await using var node = await StartAsync(await VdiBed.CreateAsync(6 * VdiBed.Block));
        for (var i = 0; i < 24; i++)
        {
            var pattern = (byte)(i + 1);
            // Blocks that were flushed are left alone, so that all of them can be compared.
            await VdiBed.WriteAsync(node, (i % 6 * VdiBed.Block) + (i / 6 * 70_000), 60_000, pattern);
            if (i % 5 == 4)
            {
                await node.FlushAsync(default);
                _flushed = await VdiBed.ReadAllAsync(node);
            }
        }

        Assert.True(_cuts > 30);
    }

    /// <summary>Small blocks are ours alone: with them a longer map takes few bytes to be moved.</summary>
    [Theory]
    [InlineData("off", 3, 5, VdiBed.Block)]
    [InlineData("off", 9, 2, VdiBed.Block)]
    [InlineData("metadata", 4, 2, VdiBed.Block)]
    [InlineData("off", 3, 200, 4096)]
    [InlineData("off", 127, 140, 4096)]
    [InlineData("metadata", 128, 129, 4096)]
    [InlineData("metadata", 128, 3000, 4096)]
    public async Task While_the_disk_gets_longer_or_shorter(string preallocation, int before, int after, int blockSize)
    {
        var image = await VdiBed.CreateAsync(before * (long)VdiBed.Block, preallocation);
        image.Write(368, BitConverter.GetBytes(before * (long)blockSize));
        image.Write(376, BitConverter.GetBytes(blockSize));
        image.Resize(preallocation == "off" ? image.Length : image.Length - (before * (long)(VdiBed.Block - blockSize)));
        await using (var node = await VdiBed.OpenAsync(image))
        {
            foreach (var block in new[] { before - 1, 1, 0 })
                await VdiBed.WriteAsync(node, block * (long)blockSize, 3000, (byte)(block + 1));
        }

        await using (var node = await StartAsync(image))
        {
            _flushed = _flushed[..(Math.Min(before, after) * blockSize)];
            await VdiBed.ResizeAsync(node, after * (long)blockSize);
            var expected = new byte[after * blockSize];
            _flushed.CopyTo(expected, 0);
            Assert.True(VdiBed.Same(expected, await VdiBed.ReadAllAsync(node)));
            Assert.Empty((await VdiBed.CheckAsync(node)).Messages);
        }

        await ExamineAsync(_storage);
        Assert.True(_cuts > 3);
    }

    [Fact]
    public async Task While_an_image_is_repaired()
    {
        var image = await VdiBed.CreateAsync(8 * VdiBed.Block);
        await using (var made = await VdiBed.OpenAsync(image))
        {
            for (var block = 0; block < 4; block++)
                await VdiBed.WriteAsync(made, block * VdiBed.Block, VdiBed.Block, (byte)(block + 1));
        }

        // Two blocks in one place, one beyond all, one out of order, and a wrong count.
        foreach (var (block, place) in ((int, int)[])[(4, 2), (5, 9), (0, 7), (6, 0)])
            image.Write(512 + (block * 4), BitConverter.GetBytes(place));
        await using var node = await StartAsync(image, mayBeCorrupt: true);
        var result = await VdiBed.CheckAsync(node, CheckRepair.Errors | CheckRepair.Leaks);
        Assert.Equal(3, result.CorruptionsFixed);
        Assert.Equal(0, (await VdiBed.CheckAsync(node)).Corruptions);
        Assert.True(_cuts > 5);
        Assert.True(VdiBed.Same(_flushed, await VdiBed.ReadAllAsync(node)));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<BlockNode> StartAsync(MemoryImage image, bool mayBeCorrupt = false)
    {
        await using (var whole = await VdiBed.OpenAsync(image, readOnly: true))
            _flushed = await VdiBed.ReadAllAsync(whole);
        (_storage, _mayBeCorrupt) = (image, mayBeCorrupt);
        image.TrackDurability = true;
        return await VdiBed.OpenAsync(image, wrap: child => new Cutter(child, () => ExamineAsync(mayBeNone: false)));
    }

    private async ValueTask ExamineAsync(bool mayBeNone)
    {
        if (_isExamining)
            return;
        _isExamining = true;
        _cuts++;
        var left = _storage.AfterPowerCut(_random);
        if (!mayBeNone || left.Read(64, 4) is [0x7f, ..])
            await ExamineAsync(left);
        _isExamining = false;
    }

    private async Task ExamineAsync(MemoryImage left)
    {
        await using (var node = await VdiBed.OpenAsync(left, readOnly: true))
        {
            var found = await VdiBed.CheckAsync(node);
            Assert.All(found.Messages, message => Assert.True(_mayBeCorrupt || IsHarmless(message), message));
            await CompareWithQemuAsync(left, found);
            AssertHolds(await VdiBed.ReadAllAsync(node));
        }

        await using var writable = await VdiBed.OpenAsync(left);
        await VdiBed.CheckAsync(writable, CheckRepair.Errors | CheckRepair.Leaks);
        Assert.Empty((await VdiBed.CheckAsync(writable)).Messages);
        AssertHolds(await VdiBed.ReadAllAsync(writable));
    }

    /// <summary>Every fifth one, as a program takes longer than all the rest.</summary>
    private async Task CompareWithQemuAsync(MemoryImage left, ImageCheckResult found)
    {
        if (_cuts % 5 != 0 || !VdiBed.HasQemu || BitConverter.ToInt32(left.Read(376, 4)) != VdiBed.Block)
            return;
        await VdiBed.SaveAsync(left, Path.Combine(_folder, "left.vdi"));
        var (exitCode, output) = VdiBed.Run(_folder, "qemu-img", "check", "-f", "vdi", "left.vdi");
        Assert.Equal(found.Corruptions > 0 ? 2 : 0, exitCode);
        Assert.All(found.Messages, message => Assert.Contains(message, output, StringComparison.Ordinal));
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

    private static bool IsHarmless(string message)
    {
        var numbers = message.Split(' ', ',').Select(word => long.TryParse(word, out var number) ? number : -1).Where(number => number >= 0).ToList();
        return message.Contains("mismatch", StringComparison.Ordinal) ? numbers[0] <= numbers[1] : message.Contains("too large", StringComparison.Ordinal);
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
