// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Formats.Testing;

/// <summary>
/// What is left after each power cut holds all that was flushed, its check finds no corruption, QEMU reads the same of it, and a
/// repair changes none of that.
/// </summary>
public sealed class PowerCutExam : IDisposable
{
    private readonly FormatBed _images;
    private readonly string _folder = Directory.CreateTempSubdirectory("power-cut").FullName;

    public PowerCutExam(FormatBed images)
    {
        _images = images;
        Cuts = new PowerCuts(ExamineAsync);
    }

    public PowerCuts Cuts { get; }

    /// <summary>A file that begins with zero is no image yet.</summary>
    public bool MayBeNone { get; set; }

    public bool MayBeCorrupt { get; set; }

    /// <summary>The image gives up what it holds: each part is as before or gone.</summary>
    public bool MayBeEmpty { get; set; }

    /// <summary>Opens an image, so that all that is done with it is watched.</summary>
    public async Task<BlockNode> StartAsync(MemoryImage image, bool mayBeCorrupt = false)
    {
        await using (var whole = await _images.OpenAsync(image, readOnly: true))
            Cuts.Flushed = await Disk.ReadAllAsync(whole);
        MayBeCorrupt = mayBeCorrupt;
        return await _images.OpenAsync(image, wrap: child => Cuts.Watch(image, child), forRepair: mayBeCorrupt);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task ExamineAsync(MemoryImage left)
    {
        if (MayBeNone && left.Read(0, 1)[0] == 0)
            return;
        await using (var node = await _images.OpenAsync(left, readOnly: true))
        {
            Assert.True(MayBeCorrupt || (await Disk.CheckAsync(node)).Corruptions == 0);
            AssertHolds(await Disk.ReadAllAsync(node));
            // Every fifth one, as a program takes longer than all the rest.
            if (Cuts.Count % 5 == 0 && Qemu.IsInstalled)
                Assert.True(Disk.Same(await Disk.ReadAllAsync(node), await _images.ReadByQemuAsync(left, _folder)));
        }

        await using (var writable = await _images.OpenAsync(left, forRepair: true))
            await Disk.CheckAsync(writable, CheckRepair.Errors | CheckRepair.Leaks);
        await using var sound = await _images.OpenAsync(left);
        Assert.Equal(0, (await Disk.CheckAsync(sound)).Corruptions);
        AssertHolds(await Disk.ReadAllAsync(sound));
    }

    private void AssertHolds(byte[] content)
    {
        if (!MayBeEmpty)
            Cuts.AssertHolds(content);
        else
            Assert.DoesNotContain(content.Zip(Cuts.Flushed), pair => pair.First != 0 && pair.First != pair.Second);
    }
}
