// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vdi.Tests;

/// <summary>
/// The power fails before every write and flush of an operation, and any part of what was not flushed is lost. What is left holds
/// all that was flushed; a check finds no more than a count that is too high, and a block that a longer map pushed out; a repair
/// leaves nothing to be found.
/// </summary>
public sealed class PowerCutTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vdi").FullName;
    private readonly PowerCuts _cuts;
    private bool _mayBeNone;
    private bool _mayBeCorrupt;

    public PowerCutTests() => _cuts = new PowerCuts(ExamineLeftAsync);

    [Fact]
    public async Task While_an_image_is_made_it_is_none_or_whole()
    {
        _mayBeNone = true;
        _cuts.Flushed = new byte[3 * VdiBed.Block];
        await VdiBed.CreateAsync(_cuts.Watch(new MemoryImage()), 3 * VdiBed.Block);
        Assert.True(_cuts.Count >= 4);
    }

    [Fact]
    public async Task While_blocks_are_written()
    {
        await using var node = await StartAsync(await VdiBed.CreateAsync(6 * VdiBed.Block));
        for (var i = 0; i < 24; i++)
        {
            var pattern = (byte)(i + 1);
            // Blocks that were flushed are left alone, so that all of them can be compared.
            await Disk.WriteAsync(node, (i % 6 * VdiBed.Block) + (i / 6 * 70_000), 60_000, pattern);
            if (i % 5 == 4)
            {
                await node.FlushAsync(default);
                _cuts.Flushed = await Disk.ReadAllAsync(node);
            }
        }

        Assert.True(_cuts.Count > 30);
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
        await using (var node = await VdiBed.Images.OpenAsync(image))
        {
            foreach (var block in new[] { before - 1, 1, 0 })
                await Disk.WriteAsync(node, block * (long)blockSize, 3000, (byte)(block + 1));
        }

        await using (var node = await StartAsync(image))
        {
            _cuts.Flushed = _cuts.Flushed[..(Math.Min(before, after) * blockSize)];
            await Disk.ResizeAsync(node, after * (long)blockSize);
            var expected = new byte[after * blockSize];
            _cuts.Flushed.CopyTo(expected, 0);
            Assert.True(Disk.Same(expected, await Disk.ReadAllAsync(node)));
            Assert.Empty((await Disk.CheckAsync(node)).Messages);
        }

        await ExamineAsync(_cuts.Storage);
        Assert.True(_cuts.Count > 3);
    }

    [Fact]
    public async Task While_an_image_is_repaired()
    {
        var image = await VdiBed.CreateAsync(8 * VdiBed.Block);
        await using (var made = await VdiBed.Images.OpenAsync(image))
        {
            for (var block = 0; block < 4; block++)
                await Disk.WriteAsync(made, block * VdiBed.Block, VdiBed.Block, (byte)(block + 1));
        }

        // Two blocks in one place, one beyond all, one out of order, and a wrong count.
        foreach (var (block, place) in ((int, int)[])[(4, 2), (5, 9), (0, 7), (6, 0)])
            image.Write(512 + (block * 4), BitConverter.GetBytes(place));
        await using var node = await StartAsync(image, mayBeCorrupt: true);
        var result = await Disk.CheckAsync(node, CheckRepair.Errors | CheckRepair.Leaks);
        Assert.Equal(3, result.CorruptionsFixed);
        Assert.Equal(0, (await Disk.CheckAsync(node)).Corruptions);
        Assert.True(_cuts.Count > 5);
        Assert.True(Disk.Same(_cuts.Flushed, await Disk.ReadAllAsync(node)));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<BlockNode> StartAsync(MemoryImage image, bool mayBeCorrupt = false)
    {
        await using (var whole = await VdiBed.Images.OpenAsync(image, readOnly: true))
            _cuts.Flushed = await Disk.ReadAllAsync(whole);
        _mayBeCorrupt = mayBeCorrupt;
        return await VdiBed.Images.OpenAsync(image, wrap: child => _cuts.Watch(image, child));
    }

    private Task ExamineLeftAsync(MemoryImage left) =>
        !_mayBeNone || left.Read(64, 4) is [0x7f, ..] ? ExamineAsync(left) : Task.CompletedTask;

    private async Task ExamineAsync(MemoryImage left)
    {
        await using (var node = await VdiBed.Images.OpenAsync(left, readOnly: true))
        {
            var found = await Disk.CheckAsync(node);
            Assert.All(found.Messages, message => Assert.True(_mayBeCorrupt || IsHarmless(message), message));
            await CompareWithQemuAsync(left, found);
            _cuts.AssertHolds(await Disk.ReadAllAsync(node));
        }

        await using var writable = await VdiBed.Images.OpenAsync(left);
        await Disk.CheckAsync(writable, CheckRepair.Errors | CheckRepair.Leaks);
        Assert.Empty((await Disk.CheckAsync(writable)).Messages);
        _cuts.AssertHolds(await Disk.ReadAllAsync(writable));
    }

    /// <summary>Every fifth one, as a program takes longer than all the rest.</summary>
    private async Task CompareWithQemuAsync(MemoryImage left, ImageCheckResult found)
    {
        if (_cuts.Count % 5 != 0 || !Qemu.IsInstalled || BitConverter.ToInt32(left.Read(376, 4)) != VdiBed.Block)
            return;
        await Qemu.SaveAsync(left, Path.Combine(_folder, "left.vdi"));
        var (exitCode, output) = Qemu.Run(_folder, "qemu-img", "check", "-f", "vdi", "left.vdi");
        Assert.Equal(found.Corruptions > 0 ? 2 : 0, exitCode);
        Assert.All(found.Messages, message => Assert.Contains(message, output, StringComparison.Ordinal));
    }

    private static bool IsHarmless(string message)
    {
        var numbers = message.Split(' ', ',').Select(word => long.TryParse(word, out var number) ? number : -1)
            .Where(number => number >= 0).ToList();
        return message.Contains("mismatch", StringComparison.Ordinal)
            ? numbers[0] <= numbers[1]
            : message.Contains("too large", StringComparison.Ordinal);
    }
}
