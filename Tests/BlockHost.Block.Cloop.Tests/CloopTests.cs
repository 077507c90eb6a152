// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Cloop;
using K4os.Compression.LZ4;

namespace BlockHost.Block.Cloop.Tests;

/// <summary>QEMU and cloop's own program judge version 2.0; no program at hand makes the other forms.</summary>
public sealed class CloopTests : IDisposable
{
    private const int BlockSize = 8192;
    private const int Size = (20 * BlockSize) - 1000;
    private const int Rounded = 20 * BlockSize;

    private static readonly FormatBed Images = new(new CloopPlugin(), "cloop");

    private readonly string _folder = Directory.CreateTempSubdirectory("cloop").FullName;
    private readonly byte[] _content = MakeContent();

    [Theory]
    [InlineData("0.68")]
    [InlineData("1.0")]
    [InlineData("2.0")]
    [InlineData("3.0")]
    [InlineData("4.0")]
    [InlineData("knoppix")]
    [InlineData("2.0 last")]
    [InlineData("4.0 last")]
    public async Task Images_of_every_form_are_read(string form)
    {
        var image = CloopMaker.Make(CloopMaker.Pack(_content, BlockSize), BlockSize, form);
        await using var node = await Images.OpenAsync(image, readOnly: true);
        Assert.Equal(Rounded, node.Profile.Length);
        Assert.True(Disk.Same(CloopMaker.Whole(_content, Rounded), await Disk.ReadAllAsync(node)));
    }

    [SkippableTheory]
    [InlineData("zlib", null)]
    [InlineData("none", null)]
    [InlineData("xz", "xz")]
    [InlineData("lz4", null)]
    [InlineData("lzo", "lzop")]
    public async Task Blocks_of_version_4_are_packed_in_one_of_five_ways(string packing, string? program)
    {
        Skip.IfNot(program is null || InstalledPrograms.Has(program), $"needs {program}");
        var blocks = _content.Chunk(BlockSize).Select(block => Pack(packing, CloopMaker.Whole(block, BlockSize))).ToList();
        var image = CloopMaker.Make(blocks, BlockSize, "4.0");
        await using var node = await Images.OpenAsync(image, readOnly: true);
        Assert.True(Disk.Same(CloopMaker.Whole(_content, Rounded), await Disk.ReadAllAsync(node)));
    }

    [SkippableFact]
    public async Task What_cloops_own_program_makes_is_read_as_QEMU_reads_it()
    {
        Skip.IfNot(Qemu.IsInstalled && InstalledPrograms.Has("create_compressed_fs"), "needs qemu-img and create_compressed_fs");
        await File.WriteAllBytesAsync(Path.Combine(_folder, "raw"), _content);
        var (exitCode, output) = Qemu.Run(_folder, "create_compressed_fs", "-q", "-B", "16384", "raw", "made");
        Assert.True(exitCode == 0, output);
        var image = new Conformance.TestHost.MemoryImage(await File.ReadAllBytesAsync(Path.Combine(_folder, "made")));
        await using var node = await Images.OpenAsync(image, readOnly: true);
        var read = await Disk.ReadAllAsync(node);
        Assert.True(Disk.Same(await Images.ReadByQemuAsync(image, _folder), read));
        Assert.True(Disk.Same(_content, read[..Size]));
    }

    [Fact]
    public async Task Many_readers_at_once_read_the_same()
    {
        var image = CloopMaker.Make(CloopMaker.Pack(_content, BlockSize), BlockSize, "2.0");
        await using var node = await Images.OpenAsync(image, readOnly: true);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(reader => Task.Run(async () =>
        {
            var random = new Random(reader);
            for (var i = 0; i < 100; i++)
            {
                var at = random.Next(Size);
                var part = new byte[random.Next(1, Math.Min(40_000, Size - at + 1))];
                await node.ReadAsync(at, part, ReadFlags.None, default);
                Assert.True(Disk.Same(_content[at..(at + part.Length)], part), $"{at}, {part.Length}");
            }
        })));
    }

    [Fact]
    public async Task A_damaged_block_fails_alone()
    {
        var blocks = CloopMaker.Pack(_content, BlockSize);
        blocks[3].Bytes[^1] ^= 1;
        await using var node = await Images.OpenAsync(CloopMaker.Make(blocks, BlockSize, "2.0"), readOnly: true);
        var part = new byte[BlockSize];
        for (var i = 0; i < 2; i++)
        {
            var e = await Assert.ThrowsAsync<BlockException>(
                async () => await node.ReadAsync(3 * BlockSize, part, ReadFlags.None, default));
            Assert.Equal((BlockErrorKind.Io, "Block 3 of the image is damaged"), (e.Kind, e.Message));
        }

        await node.ReadAsync(2 * BlockSize, part, ReadFlags.None, default);
        Assert.True(Disk.Same(_content[(2 * BlockSize)..(3 * BlockSize)], part));
    }

    [Fact]
    public async Task Nothing_is_written()
    {
        var image = CloopMaker.Make(CloopMaker.Pack(_content, BlockSize), BlockSize, "2.0");
        var e = await Assert.ThrowsAsync<BlockException>(() => Images.OpenAsync(image));
        Assert.Equal((BlockErrorKind.ReadOnly, "Image is read-only"), (e.Kind, e.Message));
    }

    [SkippableTheory]
    [InlineData(128, 136)]
    [InlineData(136, 176)]
    [InlineData(304, 2000)]
    public async Task Damage_is_read_as_QEMU_reads_it_or_refused(int from, int to)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var whole = CloopMaker.Make(CloopMaker.Pack(_content, BlockSize), BlockSize, "2.0");
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
    [InlineData("0.68", 128, 160)]
    [InlineData("1.0", 128, 168)]
    [InlineData("2.0", 128, 168)]
    [InlineData("4.0", 128, 168)]
    [InlineData("knoppix", 128, 168)]
    [InlineData("3.0", 128, 136)]
    [InlineData("3.0", -48, 0)]
    [InlineData("4.0 last", -168, 0)]
    public async Task Extreme_numbers_are_refused_or_read_in_little_memory(string form, int from, int to)
    {
        var whole = CloopMaker.Make(CloopMaker.Pack(_content, BlockSize), BlockSize, form);
        var start = from < 0 ? whole.Length : 0;
        var fields = new ExtremeFields(Images, whole, bigEndian: form != "1.0") { IsReadOnly = true };
        await fields.ExamineAsync(start + from, start + to);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Blocks that pack well, blocks of zeroes, and one that does not pack.</summary>
    private static byte[] MakeContent()
    {
        var content = new byte[Size];
        var random = new Random(1);
        for (var i = 0; i < content.Length; i++)
            content[i] = i / BlockSize % 5 == 2 ? (byte)0 : (byte)((i / 7) ^ (i % 31));
        random.NextBytes(content.AsSpan(6 * BlockSize, BlockSize));
        for (var at = 9 * BlockSize; at < 12 * BlockSize; at += 300)
            content.AsSpan(random.Next(9 * BlockSize), 290).CopyTo(content.AsSpan(at));
        return content;
    }

    private CloopMaker.Block Pack(string packing, byte[] block) => packing switch
    {
        "zlib" => new(0, CloopMaker.Zlib(block)),
        "none" => new(1, block),
        "xz" => new(2, RunOn(block, "xz", "--keep", "block")),
        "lz4" => new(3, PackLz4(block)),
        _ => new(4, PackLzo(block)),
    };

    private byte[] RunOn(byte[] block, string program, params string[] args)
    {
        foreach (var old in Directory.GetFiles(_folder)) File.Delete(old);
        File.WriteAllBytes(Path.Combine(_folder, "block"), block);
        var (exitCode, output) = Qemu.Run(_folder, program, args);
        Assert.True(exitCode == 0, output);
        return File.ReadAllBytes(Directory.GetFiles(_folder).Single(file => Path.GetFileName(file) != "block"));
    }

    private static byte[] PackLz4(byte[] block)
    {
        var packed = new byte[LZ4Codec.MaximumOutputSize(block.Length)];
        return packed[..LZ4Codec.Encode(block, packed)];
    }

    /// <summary>A block in lzop's file: size, packed size, checksum, bytes. What does not pack is literals.</summary>
    private byte[] PackLzo(byte[] block)
    {
        var file = RunOn(block, "lzop", "--keep", "block");
        var at = file.AsSpan().IndexOf(ReaderExam.BytesOf((ulong)block.Length, 4, bigEndian: true));
        var size = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at + 4));
        var bytes = file.AsSpan(at + 12, size).ToArray();
        return size < block.Length ? bytes : LzoLiterals(block);
    }

    /// <summary>A run of literals alone, and the end.</summary>
    private static byte[] LzoLiterals(byte[] block)
    {
        var rest = block.Length - 3 - 15;
        return [0, .. new byte[(rest - 1) / 255], (byte)(((rest - 1) % 255) + 1), .. block, 0x11, 0, 0];
    }
}
