// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Bochs;

namespace BlockHost.Block.Bochs.Tests;

/// <summary>Judged by QEMU, and by Bochs' own bximage, which also knows what QEMU does not.</summary>
public sealed class BochsTests : IDisposable
{
    private const int Size = 40 * 8 * 63 * 512 / 4;

    private static readonly FormatBed Images = new(new BochsPlugin(), "bochs");

    private readonly string _folder = Directory.CreateTempSubdirectory("bochs").FullName;
    private readonly byte[] _content = new byte[Size];

    public BochsTests() => new Random(1).NextBytes(_content);

    [SkippableTheory]
    [InlineData(0x10000u, 16384)]
    [InlineData(0x20000u, 512)]
    [InlineData(0x20000u, 4096)]
    [InlineData(0x20000u, 131072)]
    public async Task A_growing_image_is_read_as_QEMU_reads_it(uint version, int extent)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var image = BochsMaker.Redolog(_content, IsStored, extent: extent, version: version);
        await using var node = await Images.OpenAsync(image, readOnly: true);
        var read = await Disk.ReadAllAsync(node);
        Assert.True(Disk.Same(Expected(new byte[Size], 512), read));
        Assert.True(Disk.Same(await Images.ReadByQemuAsync(image, _folder), read));
    }

    [Fact]
    public async Task Parts_of_sectors_are_read()
    {
        var image = BochsMaker.Redolog(_content, IsStored);
        await using var node = await Images.OpenAsync(image, readOnly: true);
        var expected = Expected(new byte[Size], 512);
        var random = new Random(2);
        for (var i = 0; i < 200; i++)
        {
            var at = random.Next(Size);
            var part = new byte[random.Next(1, Math.Min(50_000, Size - at + 1))];
            await node.ReadAsync(at, part, ReadFlags.None, default);
            Assert.True(Disk.Same(expected[at..(at + part.Length)], part), $"{at}, {part.Length}");
        }
    }

    [Theory]
    [InlineData("Undoable", 16384)]
    [InlineData("Volatile", 512)]
    public async Task A_redolog_shows_the_disk_below_it(string kind, int extent)
    {
        var below = Enumerable.Repeat((byte)7, Size - 5000).ToArray();
        var image = BochsMaker.Redolog(_content, IsStored, kind, extent);
        await using var node = await Images.OpenAsync(image, readOnly: true, backing: Below(below));
        Assert.True(Disk.Same(Expected([.. below, .. new byte[5000]], 512), await Disk.ReadAllAsync(node)));
        var status = await node.GetStatusAsync(3 * 512, 512, StatusPrecision.WantZero, default);
        Assert.Equal(IsStored(3), (status.Flags & BlockStatusFlags.Allocated) != 0);
    }

    [SkippableFact]
    public async Task A_redolog_is_read_as_bximage_commits_it()
    {
        Skip.IfNot(InstalledPrograms.Has("bximage"), "needs bximage");
        var below = Enumerable.Repeat((byte)7, Size).ToArray();
        var image = BochsMaker.Redolog(_content, IsStored, "Undoable");
        await File.WriteAllBytesAsync(Path.Combine(_folder, "base"), below);
        await Qemu.SaveAsync(image, Path.Combine(_folder, "log"));
        var (exitCode, output) = Qemu.Run(_folder, "bximage", "-func=commit", "-q", "base", "log");
        Assert.True(exitCode == 0, output);
        await using var node = await Images.OpenAsync(image, readOnly: true, backing: Below(below));
        Assert.True(Disk.Same(await File.ReadAllBytesAsync(Path.Combine(_folder, "base")), await Disk.ReadAllAsync(node)));
    }

    [SkippableFact]
    public async Task A_sparse_image_is_read_as_bximage_reads_it()
    {
        Skip.IfNot(InstalledPrograms.Has("bximage"), "needs bximage");
        var image = BochsMaker.Sparse(_content, IsStored);
        await Qemu.SaveAsync(image, Path.Combine(_folder, "sparse"));
        var (exitCode, output) = Qemu.Run(_folder, "bximage", "-func=convert", "-q", "-imgmode=flat", "sparse", "flat");
        Assert.True(exitCode == 0, output);
        await using var node = await Images.OpenAsync(image, readOnly: true);
        Assert.True(Disk.Same(await File.ReadAllBytesAsync(Path.Combine(_folder, "flat")), await Disk.ReadAllAsync(node)));
    }

    [Fact]
    public async Task A_sparse_image_shows_its_parent()
    {
        var below = Enumerable.Repeat((byte)7, Size).ToArray();
        var image = BochsMaker.Sparse(_content, IsStored);
        await using var node = await Images.OpenAsync(image, readOnly: true, backing: Below(below));
        Assert.True(Disk.Same(Expected(below, 4096), await Disk.ReadAllAsync(node)));
    }

    [Fact]
    public async Task A_growing_image_has_nothing_below_it()
    {
        var image = BochsMaker.Redolog(_content, IsStored);
        var e = await Assert.ThrowsAsync<BlockException>(
            () => Images.OpenAsync(image, readOnly: true, backing: Below(new byte[Size])));
        Assert.Equal("A growing Bochs image is whole and has no backing file", e.Message);
    }

    [Fact]
    public async Task Nothing_is_written()
    {
        var e = await Assert.ThrowsAsync<BlockException>(() => Images.OpenAsync(BochsMaker.Redolog(_content, IsStored)));
        Assert.Equal((BlockErrorKind.ReadOnly, "Image is read-only"), (e.Kind, e.Message));
    }

    [SkippableTheory]
    [InlineData(64, 96)]
    [InlineData(512, 552)]
    [InlineData(5000, 5064)]
    public async Task Damage_is_read_as_QEMU_reads_it_or_refused(int from, int to)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var whole = BochsMaker.Redolog(_content.AsSpan(0, 64 << 10), IsStored, extent: 4096);
        // An extent may say that it is as far out as there are numbers; QEMU reads zeroes there, and so do we.
        var exam = new ReaderExam(Images, _folder, isOurs: _ => false);
        for (var seed = 0; seed < Mutants.Count; seed++)
        {
            var mutant = whole.Clone();
            foreach (var (at, value) in Mutants.Damage(seed, from, to))
                mutant.Write(at, new[] { value });
            await exam.CompareAsync(mutant, $"{from} seed {seed}");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Extreme_numbers_are_refused_or_read_in_little_memory(bool sparse)
    {
        var content = _content[..(64 << 10)];
        var whole = sparse ? BochsMaker.Sparse(content, IsStored) : BochsMaker.Redolog(content, IsStored, extent: 4096);
        var fields = new ExtremeFields(Images, whole, bigEndian: false) { IsReadOnly = true };
        var (header, table) = sparse ? ((0, 32), (256, 272)) : ((64, 96), (512, 528));
        foreach (var (from, to) in new[] { header, table })
            await fields.ExamineAsync(from, to);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static bool IsStored(int unit) => unit % 7 is 0 or 3 or 4 && unit / 50 % 3 != 1;

    private static MemoryChild Below(byte[] content) => new(new MemoryImage(content), "backing") { ReadOnly = true };

    /// <summary>What is stored, in units of so many bytes, over what is below.</summary>
    private byte[] Expected(byte[] below, int unit)
    {
        for (var at = 0; at < Size; at += unit)
        {
            if (IsStored(at / unit))
                _content.AsSpan(at, Math.Min(unit, Size - at)).CopyTo(below.AsSpan(at));
        }

        return below;
    }
}
