// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vpc.Tests;

/// <summary>
/// The power fails before every write and flush of an operation, and any part of what was not flushed is lost: what is left
/// opens, and holds all that was flushed, and QEMU reads the same of it.
/// </summary>
public sealed class PowerCutTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vpc").FullName;
    private readonly PowerCuts _cuts;
    private bool _mayBeNone;

    public PowerCutTests() => _cuts = new PowerCuts(ExamineLeftAsync);

    [Theory]
    [InlineData("dynamic")]
    [InlineData("fixed")]
    public async Task While_an_image_is_made_it_is_none_or_whole(string subformat)
    {
        _mayBeNone = true;
        _cuts.Flushed = new byte[VpcBed.Block];
        await VpcBed.CreateAsync(_cuts.Watch(new MemoryImage()), VpcBed.Block, subformat);
        Assert.True(_cuts.Count >= 4);
        await ExamineAsync(_cuts.Storage);
    }

    [Fact]
    public async Task While_blocks_are_written()
    {
        await using var node = await StartAsync(await VpcBed.CreateAsync(4 * VpcBed.Block));
        for (var i = 0; i < 16; i++)
        {
            // What was flushed is left alone, so that all of it can be compared.
            await Disk.WriteAsync(node, (i % 4 * VpcBed.Block) + (i / 4 * 70_000), 60_000, (byte)(i + 1));
            if (i % 5 == 4)
            {
                await node.FlushAsync(default);
                _cuts.Flushed = await Disk.ReadAllAsync(node);
            }
        }

        Assert.True(_cuts.Count > 20);
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
        await using (var node = await VpcBed.Images.OpenAsync(image))
        {
            for (var block = before - 1; block >= 0; block--)
                await Disk.WriteAsync(node, block * (long)VpcBed.Block, 100_000, (byte)(block + 1));
        }

        await using (var node = await StartAsync(image))
        {
            _cuts.Flushed = _cuts.Flushed[..(Math.Min(before, after) * VpcBed.Block)];
            await Disk.ResizeAsync(node, after * (long)VpcBed.Block);
            var expected = new byte[after * VpcBed.Block];
            _cuts.Flushed.CopyTo(expected, 0);
            Assert.True(Disk.Same(expected, await Disk.ReadAllAsync(node)));
        }

        Assert.True(_cuts.Count > 2);
        await ExamineAsync(_cuts.Storage);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<BlockNode> StartAsync(MemoryImage image)
    {
        await using (var whole = await VpcBed.Images.OpenAsync(image, readOnly: true))
            _cuts.Flushed = await Disk.ReadAllAsync(whole);
        return await VpcBed.Images.OpenAsync(image, wrap: child => _cuts.Watch(image, child));
    }

    private Task ExamineLeftAsync(MemoryImage left)
    {
        var isImage = left.Length >= 512 && (left.Read(0, 1)[0] == 'c' || left.Read(left.Length - 512, 1)[0] == 'c');
        // A new image that grows has its footer at the end before it has the copy that makes it one.
        return !_mayBeNone || (isImage && left.Read(0, 8) is not [0, 0, 0, 0, 0, 0, 0, 0])
            ? ExamineAsync(left)
            : Task.CompletedTask;
    }

    private async Task ExamineAsync(MemoryImage left)
    {
        byte[] content;
        await using (var node = await VpcBed.Images.OpenAsync(left))
            content = await Disk.ReadAllAsync(node);
        _cuts.AssertHolds(content);
        if (_cuts.Count % 5 == 0 && Qemu.IsInstalled && content.Length <= 16 << 20)
            Assert.True(Disk.Same(content, await VpcBed.Images.ReadByQemuAsync(left, _folder)));
    }
}
