// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Dmg;
using ICSharpCode.SharpZipLib.BZip2;
using static BlockHost.Formats.Testing.Makers.DmgMaker;

namespace BlockHost.Block.Dmg.Tests;

/// <summary>QEMU judges what it knows (raw, zeroes, zlib), 7-Zip all kinds of chunks.</summary>
public sealed class DmgTests : IDisposable
{
    private const int ChunkSize = 128 * Sector;

    private static readonly FormatBed Images = new(new DmgPlugin(), "dmg");

    /// <summary>7-Zip 26.02 calls these damaged when the tests' packer made them.</summary>
    private static readonly string[] SevenZipRefuses = ["lzfse stored", "lzfse bvx1", "lzfse bvx2"];

    private readonly string _folder = Directory.CreateTempSubdirectory("dmg").FullName;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_QEMU_knows_is_read_as_QEMU_reads_it(bool fork)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        Table[] tables = [
            new(0, [Pack("zlib", 1), Chunk.Zeroes(Zero, 40 * Sector), Chunk.AsIs(Content(2)[..(24 * Sector)])]),
            new(192, [Chunk.Zeroes(Ignore, 8 * Sector), Pack("zlib", 3), Pack("zlib", 4)])];
        var image = Make(tables, fork);
        await using var node = await Images.OpenAsync(image, readOnly: true);
        var read = await Disk.ReadAllAsync(node);
        Assert.True(Disk.Same(DiskOf(tables), read));
        Assert.True(Disk.Same(await Images.ReadByQemuAsync(image, _folder), read));
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("adc")]
    [InlineData("zlib")]
    [InlineData("bzip2")]
    [InlineData("lzfse stored")]
    [InlineData("lzfse lzvn")]
    [InlineData("lzfse bvx1")]
    [InlineData("lzfse bvx2")]
    public Task Every_kind_of_chunk_is_read(string kind) => ReadAndJudgeAsync(kind);

    [SkippableFact]
    public Task Chunks_of_xz_are_read()
    {
        Skip.IfNot(InstalledPrograms.Has("xz"), "needs xz");
        return ReadAndJudgeAsync("xz");
    }

    [SkippableFact]
    public async Task Seven_zip_sees_partitions_and_gaps_where_we_do()
    {
        Skip.IfNot(InstalledPrograms.Has("7z"), "needs 7z");
        Table[] tables = [
            new(0, [Pack("zlib", 1)]), new(128, [Chunk.Zeroes(Ignore, 16 * Sector)]),
            new(144, [Pack("lzfse lzvn", 2), Pack("adc", 3)]), new(400, [Pack("bzip2", 4)])];
        await JudgeBySevenZipAsync(Make(tables), DiskOf(tables));
    }

    [Fact]
    public async Task A_gap_between_chunks_and_the_room_behind_the_last_are_zeroes()
    {
        Table[] tables = [new(8, [Pack("zlib", 1)]), new(300, [Pack("adc", 2)])];
        await using var node = await Images.OpenAsync(Make(tables, sectors: 1000), readOnly: true);
        Assert.Equal(1000 * Sector, node.Profile.Length);
        byte[] expected = [.. DiskOf(tables), .. new byte[(1000 - 428) * Sector]];
        Assert.True(Disk.Same(expected, await Disk.ReadAllAsync(node)));
        var status = await node.GetStatusAsync(428 * Sector, 572 * Sector, StatusPrecision.WantZero, default);
        Assert.Equal((572 * Sector, BlockStatusFlags.Zero | BlockStatusFlags.Allocated), (status.Bytes, status.Flags));
    }

    [Fact]
    public async Task A_trailer_is_found_where_the_files_length_is_rounded_up()
    {
        Table[] tables = [new(0, [Pack("zlib", 1)])];
        var image = Make(tables);
        image.Resize(image.Length + 511);
        await using var node = await Images.OpenAsync(image, readOnly: true);
        Assert.True(Disk.Same(DiskOf(tables), await Disk.ReadAllAsync(node)));
    }

    [Fact]
    public async Task Tables_in_any_order_are_read()
    {
        Table[] tables = [new(256, [Pack("zlib", 1)]), new(0, [Pack("zlib", 2), Pack("zlib", 3)])];
        await using var node = await Images.OpenAsync(Make(tables), readOnly: true);
        Assert.True(Disk.Same(DiskOf(tables), await Disk.ReadAllAsync(node)));
    }

    [Fact]
    public async Task Many_readers_at_once_read_the_same()
    {
        Table[] tables = [new(0, [.. Enumerable.Range(0, 12).Select(i => Pack(i % 3 == 0 ? "lzfse bvx2" : "zlib", i))])];
        var disk = DiskOf(tables);
        await using var node = await Images.OpenAsync(Make(tables), readOnly: true);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(reader => Task.Run(async () =>
        {
            var random = new Random(reader);
            for (var i = 0; i < 50; i++)
            {
                var at = random.Next(disk.Length);
                var part = new byte[random.Next(1, Math.Min(200_000, disk.Length - at + 1))];
                await node.ReadAsync(at, part, ReadFlags.None, default);
                Assert.True(Disk.Same(disk[at..(at + part.Length)], part), $"{at}, {part.Length}");
            }
        })));
    }

    [Fact]
    public async Task A_check_compares_every_checksum()
    {
        Table[] tables = [
            new(0, [Pack("zlib", 1), Chunk.Zeroes(Zero, 5000 * Sector), Chunk.Zeroes(Ignore, Sector)]),
            new(6000, [Pack("adc", 2), Chunk.AsIs(Content(3))])];
        var image = Make(tables);
        await using (var node = await Images.OpenAsync(image, readOnly: true))
        {
            var sound = await Disk.CheckAsync(node);
            Assert.Equal((0, 5L, 2L), (sound.Corruptions, sound.TotalClusters, sound.CompressedClusters));
        }

        // The last byte before the property list is of the raw chunk; the last sum of the trailer is the master's.
        var list = image.Length - Sector - System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(
            image.Read(image.Length - Sector + 224, 8));
        image.Write(list - 1, new[] { (byte)(image.Read(list - 1, 1)[0] ^ 1) });
        image.Write(image.Length - Sector + 363, new[] { (byte)(image.Read(image.Length - Sector + 363, 1)[0] ^ 1) });
        await using var damaged = await Images.OpenAsync(image, readOnly: true);
        var found = await Disk.CheckAsync(damaged);
        Assert.Equal(3, found.Corruptions);
        Assert.Collection(
            found.Messages,
            message => Assert.StartsWith("ERROR the checksum of table 1 is ", message, StringComparison.Ordinal),
            message => Assert.StartsWith("ERROR the checksum of the data fork is ", message, StringComparison.Ordinal),
            message => Assert.StartsWith("ERROR the checksum of all tables is ", message, StringComparison.Ordinal));
        var e = await Assert.ThrowsAsync<BlockException>(() => Disk.CheckAsync(damaged, CheckRepair.Errors));
        Assert.Equal(BlockErrorKind.NotSupported, e.Kind);
    }

    [Fact]
    public async Task A_damaged_chunk_fails_alone()
    {
        var damaged = Pack("zlib", 1);
        damaged.Stored[^1] ^= 1;
        await using var node = await Images.OpenAsync(Make([new(0, [damaged, Pack("zlib", 2)])]), readOnly: true);
        var part = new byte[ChunkSize];
        var e = await Assert.ThrowsAsync<BlockException>(async () => await node.ReadAsync(0, part, ReadFlags.None, default));
        Assert.Equal((BlockErrorKind.Io, "The chunk for offset 0 is damaged"), (e.Kind, e.Message));
        await node.ReadAsync(ChunkSize, part, ReadFlags.None, default);
        Assert.True(Disk.Same(Content(2), part));
        Assert.Contains("ERROR table 0: The chunk for offset 0 is damaged", (await Disk.CheckAsync(node)).Messages);
    }

    [Fact]
    public async Task What_is_not_read_is_refused_by_name()
    {
        byte[] encrypted = [.. "encrcdsa"u8, .. new byte[2000]];
        byte[] encryptedOld = [.. new byte[2000], .. "cdsaencr"u8];
        await RefusedAsync(new(encrypted), "Encrypted dmg images are not supported");
        await RefusedAsync(new(encryptedOld), "Encrypted dmg images are not supported");
        await RefusedAsync(new(new byte[2000]), "Could not locate UDIF trailer in dmg file");
        await RefusedAsync(new(new byte[10]), "Could not locate UDIF trailer in dmg file");
        await RefusedAsync(
            Make([new(0, [new(0x80000009, Content(1), Content(1))])]), "chunk 0 is of the unknown kind 0x80000009");
        await RefusedAsync(
            Make([new(0, [Pack("zlib", 1)]), new(100, [Pack("zlib", 1)])]),
            "Two chunks of the image begin and end in each other at 51200");
        var segments = Make([new(0, [Pack("zlib", 1)])]);
        segments.Write(segments.Length - Sector + 63, new byte[] { 3 });
        await RefusedAsync(segments, "The image is in 3 segments, which are not supported");
        var e = await Assert.ThrowsAsync<BlockException>(() => Images.OpenAsync(Make([new(0, [Pack("zlib", 1)])])));
        Assert.Equal((BlockErrorKind.ReadOnly, "Image is read-only"), (e.Kind, e.Message));
    }

    [SkippableTheory]
    [InlineData("zlib")]
    [InlineData("adc")]
    [InlineData("bzip2")]
    [InlineData("lzfse lzvn")]
    [InlineData("lzfse bvx1")]
    [InlineData("lzfse bvx2")]
    [InlineData("xz")]
    public async Task Damaged_chunks_end_in_an_error_or_in_bytes(string kind)
    {
        Skip.If(kind == "xz" && !InstalledPrograms.Has("xz"), "needs xz");
        var whole = Make([new(0, [Pack(kind, 1)])]);
        var bounded = new ExtremeFields(Images, whole, bigEndian: true) { IsReadOnly = true };
        for (var seed = 0; seed < 5 * Mutants.Count; seed++)
        {
            var mutant = whole.Clone();
            var random = new Random(seed);
            for (var i = random.Next(1, 4); i > 0; i--)
                mutant.Write(random.Next(seed % 2 == 0 ? 200 : 20_000), new[] { (byte)random.Next(256) });
            await bounded.ExamineAsync(mutant, $"{kind} seed {seed}");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Extreme_numbers_are_refused_or_read_in_little_memory(bool inTrailer)
    {
        // The tables lie in the file as they are where they are in a resource fork.
        var whole = Make([new(0, [Pack("zlib", 1), Chunk.AsIs(Content(2)), Chunk.Zeroes(Zero, ChunkSize)])], fork: true);
        var fork = System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(whole.Read(whole.Length - Sector + 40, 8));
        var fields = new ExtremeFields(Images, whole, bigEndian: true) { IsReadOnly = true };
        // Checksums and what nobody reads say nothing about places and sizes.
        var trailer = whole.Length - Sector;
        (long From, long To)[] ranges = inTrailer
            ? [(trailer, trailer + 92), (trailer + 216, trailer + 236), (trailer + 484, whole.Length)]
            : [(fork, fork + 100), (fork + 220, fork + 20 + 204 + 160)];
        foreach (var (from, to) in ranges)
            await fields.ExamineAsync(from, to);
    }

    [SkippableFact]
    public async Task Damaged_tables_are_read_as_QEMU_reads_them_or_refused_by_either()
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var whole = Make([new(0, [Pack("zlib", 1), Chunk.AsIs(Content(2)), Chunk.Zeroes(Zero, ChunkSize)])], fork: true);
        var fork = System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(whole.Read(whole.Length - Sector + 40, 8));
        for (var seed = 0; seed < Mutants.Count; seed++)
        {
            var mutant = whole.Clone();
            foreach (var (at, value) in Mutants.Damage(seed, (int)fork + 20 + 204, (int)fork + 20 + 204 + 120))
                mutant.Write(at, new[] { value });
            await CompareWhereBothReadAsync(mutant, seed);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task CompareWhereBothReadAsync(MemoryImage mutant, int seed)
    {
        await Qemu.SaveAsync(mutant, Path.Combine(_folder, "mutant"));
        var (exitCode, _) = Qemu.Run(_folder, "qemu-img", "convert", "-f", "dmg", "-O", "raw", "mutant", "read.raw");
        try
        {
            await using var node = await Images.OpenAsync(mutant, readOnly: true);
            if (node.Profile.Length > 16 << 20)
                return;
            var ours = await Disk.ReadAllAsync(node);
            // QEMU leaves out what lies beyond the trailer's count of sectors.
            var real = exitCode == 0 ? await File.ReadAllBytesAsync(Path.Combine(_folder, "read.raw")) : [];
            Assert.True(Disk.Same(real, ours[..real.Length]), $"seed {seed}: QEMU reads something else");
        }
        catch (BlockException)
        {
            // Refused here: overlapping chunks, for one, which QEMU takes.
        }
    }

    private async Task ReadAndJudgeAsync(string kind)
    {
        Table[] tables = [new(0, [Pack(kind, 1), Pack(kind, 2), Chunk.Zeroes(Zero, ChunkSize), Pack(kind, 3)])];
        var image = Make(tables);
        await using var node = await Images.OpenAsync(image, readOnly: true);
        Assert.True(Disk.Same(DiskOf(tables), await Disk.ReadAllAsync(node)), "We read something else");
        Assert.Equal(0, (await Disk.CheckAsync(node)).Corruptions);
        if (InstalledPrograms.Has("7z") && !SevenZipRefuses.Contains(kind))
            await JudgeBySevenZipAsync(image, DiskOf(tables));
    }

    private async Task JudgeBySevenZipAsync(MemoryImage image, byte[] disk)
    {
        await using var node = await Images.OpenAsync(image, readOnly: true);
        Assert.True(Disk.Same(disk, await Disk.ReadAllAsync(node)), "We read something else");
        await Qemu.SaveAsync(image, Path.Combine(_folder, "image"));
        var (exitCode, output) = Qemu.Run(_folder, "sh", "-c", "7z e -tdmg -so image > all");
        Assert.True(exitCode == 0, output);
        Assert.True(Disk.Same(disk, await File.ReadAllBytesAsync(Path.Combine(_folder, "all"))), "7-Zip reads something else");
    }

    private static async Task RefusedAsync(MemoryImage image, string message)
    {
        var e = await Assert.ThrowsAsync<BlockException>(() => Images.OpenAsync(image, readOnly: true));
        Assert.Equal(message, e.Message);
    }

    /// <summary>Text-like, with runs, repeats near and far, and something random.</summary>
    private static byte[] Content(int seed)
    {
        var random = new Random(seed);
        var content = new byte[ChunkSize];
        for (var at = 0; at < content.Length;)
        {
            var count = Math.Min(random.Next(1, 700), content.Length - at);
            var part = content.AsSpan(at, count);
            switch (random.Next(4))
            {
                case 0:
                    part.Fill((byte)random.Next(256));
                    break;
                case 1 when at > count:
                    content.AsSpan(random.Next(at - count), count).CopyTo(part);
                    break;
                case 2:
                    random.NextBytes(part);
                    break;
                default:
                    for (var i = 0; i < count; i++) part[i] = (byte)(random.Next(12) * random.Next(9) + 60);
                    break;
            }

            at += count;
        }

        return content;
    }

    private Chunk Pack(string kind, int seed)
    {
        var content = Content(seed);
        return kind switch
        {
            "raw" => Chunk.AsIs(content),
            "adc" => new(Adc, content, PackAdc(content)),
            "zlib" => new(DmgMaker.Zlib, content, CloopMaker.Zlib(content)),
            "bzip2" => new(Bzip2, content, PackBzip2(content)),
            "lzfse stored" => new(Lzfse, content, LzfseMaker.Stored(content)),
            "lzfse lzvn" => new(Lzfse, content, LzfseMaker.Lzvn(content)),
            "lzfse bvx1" => new(Lzfse, content, LzfseMaker.Entropy(content, packedTables: false)),
            "lzfse bvx2" => new(Lzfse, content, LzfseMaker.Entropy(content, packedTables: true)),
            _ => new(Xz, content, PackXz(content)),
        };
    }

    private static byte[] PackBzip2(byte[] content)
    {
        var packed = new MemoryStream();
        using (var stream = new BZip2OutputStream(packed) { IsStreamOwner = false })
            stream.Write(content);
        return packed.ToArray();
    }

    private byte[] PackXz(byte[] content)
    {
        var path = Path.Combine(_folder, "content");
        File.WriteAllBytes(path, content);
        var (exitCode, output) = Qemu.Run(_folder, "xz", "--force", "--keep", "content");
        Assert.True(exitCode == 0, output);
        return File.ReadAllBytes(path + ".xz");
    }
}
