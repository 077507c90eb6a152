// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>What later versions of the format may hold: refused by its name, or kept for whoever understands it.</summary>
public sealed class UnknownFeatureTests
{
    private const int HeaderLength = 112;
    private const int Incompatible = 72;
    private const int Compatible = 80;
    private const int Autoclear = 88;
    private const uint UnknownExtension = 0x12345678;

    /// <summary>Bits, and entries of the feature name table: type, bit, name.</summary>
    [SkippableTheory]
    [InlineData(1UL << 63, "")]
    [InlineData((1UL << 63) | (1UL << 40), "0 40 time travel")]
    [InlineData((1UL << 41) | (1UL << 40), "0 40 time travel|0 41 telepathy")]
    [InlineData((1UL << 41) | (1UL << 40), "1 40 compatible thing|0 41 telepathy")]
    [InlineData(1UL << 40, "0 40 a name of forty-six characters, which is all.")]
    [InlineData(1UL << 40, "0 39 other||0 40 behind an empty name")]
    [InlineData((1UL << 40) | 1, "0 40 twice|0 40 named twice")]
    public async Task An_unknown_incompatible_feature_is_refused_as_by_qemu(ulong bits, string names)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var storage = await TestDisk.CreateAsync(1 << 20);
        SetBits(storage, Incompatible, bits);
        var table = names.Split('|', StringSplitOptions.None).Where(_ => names.Length > 0).SelectMany(NameEntry).ToArray();
        SetExtensions(storage, table.Length == 0 ? [] : [(0x6803f857, table)]);
        qemu.Save(storage, "a.qcow2");
        var theirs = qemu.RunAll("qemu-io", ["-c", "read 0 512", qemu.Path("a.qcow2")], 1);
        var refusal = await Assert.ThrowsAsync<BlockException>(() => TestDisk.OpenAsync(storage));
        Assert.Equal(theirs[theirs.IndexOf("Unsupported", StringComparison.Ordinal)..].TrimEnd(), refusal.Message);
    }

    /// <summary>Bytes of a table with two entries that are left.</summary>
    [SkippableTheory]
    [InlineData(95)]
    [InlineData(62)]
    [InlineData(51)]
    [InlineData(50)]
    [InlineData(49)]
    [InlineData(48)]
    [InlineData(14)]
    [InlineData(3)]
    [InlineData(2)]
    [InlineData(1)]
    public async Task A_name_table_that_is_cut_short_names_what_it_can(int bytes)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var storage = await TestDisk.CreateAsync(1 << 20);
        SetBits(storage, Incompatible, (1UL << 62) | (1UL << 41) | (1UL << 40));
        SetExtensions(
            storage, [(0x6803f857, NameEntry("0 40 twelve bytes").Concat(NameEntry("0 41 telepathy")).Take(bytes).ToArray())]);
        qemu.Save(storage, "a.qcow2");
        var theirs = qemu.RunAll("qemu-io", ["-c", "read 0 512", qemu.Path("a.qcow2")], 1);
        var refusal = await Assert.ThrowsAsync<BlockException>(() => TestDisk.OpenAsync(storage));
        Assert.Equal(theirs[theirs.IndexOf("Unsupported", StringComparison.Ordinal)..].TrimEnd(), refusal.Message);
    }

    [SkippableFact]
    public async Task What_is_unknown_and_harmless_survives_every_change_of_the_header()
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var storage = await TestDisk.CreateAsync(1 << 20);
        SetBits(storage, Compatible, (1UL << 50) | 1);
        SetBits(storage, Autoclear, 1UL << 51);
        var names = NameEntry("1 50 harmless thing").Concat(NameEntry("2 51 promise")).ToArray();
        SetExtensions(storage, [(UnknownExtension, [1, 2, 3]), (0x6803f857, names), (UnknownExtension + 1, [])]);
        await using (var reader = await TestDisk.OpenAsync(storage, readOnly: true))
            await reader.ReadAsync(0, 512);
        Assert.Equal(1UL << 51, Bits(storage, Autoclear));
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            // Whoever made that promise about the image cannot know what is written now.
            Assert.Equal(0UL, Bits(storage, Autoclear));
            await disk.WriteAsync(0, 100_000, 7);
            await disk.Facet<IBackingFileStore>().SetBackingAsync(new BackingFileReference("base.raw", "raw"), default);
            await disk.Facet<IResizable>().ResizeAsync(1L << 30, new ResizeOptions(), default);
        }
        Assert.Equal((1UL << 50) | 1, Bits(storage, Compatible));
        var header = storage.Read(0, 4096);
        Assert.Equal(["BackingFormat", "12345678:010203", "names", "12345679:"], Extensions(header));
        Assert.True(header.AsSpan().IndexOf(names) > 0);
        File.WriteAllBytes(qemu.Path("base.raw"), new byte[1 << 20]);
        qemu.Save(storage, "a.qcow2");
        qemu.AssertSound("a.qcow2");
        Assert.Contains("backing file format: raw", qemu.Img("info", "a.qcow2"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Header_fields_of_later_versions_are_kept()
    {
        var storage = await TestDisk.CreateAsync(1 << 20);
        var cluster = storage.Read(0, 65536);
        var later = new byte[65536];
        cluster.AsSpan(0, HeaderLength).CopyTo(later);
        BinaryPrimitives.WriteInt32BigEndian(later.AsSpan(100), HeaderLength + 16);
        later.AsSpan(HeaderLength, 16).Fill(0xAB);
        storage.Write(0, later);
        await using (var disk = await TestDisk.OpenAsync(storage))
            await disk.Facet<IBackingFileStore>().SetBackingAsync(new BackingFileReference("base.raw", "raw"), default);
        Assert.Equal(TestDisk.Filled(16, 0xAB), storage.Read(HeaderLength, 16));
        await using var again = await TestDisk.OpenAsync(storage, readOnly: true);
        Assert.Equal("base.raw", again.Facet<IBackingFileStore>().Backing!.FileName);
    }

    private static IEnumerable<byte> NameEntry(string text)
    {
        var entry = new byte[48];
        var parts = text.Split(' ', 3);
        if (parts.Length < 3) return entry;
        entry[0] = byte.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture);
        entry[1] = byte.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture);
        Encoding.ASCII.GetBytes(parts[2], entry.AsSpan(2));
        return entry;
    }

    private static void SetExtensions(MemoryImage storage, IReadOnlyList<(uint Type, byte[] Data)> extensions)
    {
        var area = new byte[2048];
        var at = 0;
        foreach (var (type, data) in extensions)
        {
            BinaryPrimitives.WriteUInt32BigEndian(area.AsSpan(at), type);
            BinaryPrimitives.WriteInt32BigEndian(area.AsSpan(at + 4), data.Length);
            data.CopyTo(area, at + 8);
            at += 8 + ((data.Length + 7) & ~7);
        }
        storage.Write(HeaderLength, area);
    }

    private static List<string> Extensions(ReadOnlySpan<byte> header)
    {
        var found = new List<string>();
        for (var at = HeaderLength; BinaryPrimitives.ReadUInt32BigEndian(header[at..]) is var type and not 0;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(header[(at + 4)..]);
            found.Add(type switch
            {
                0xe2792aca => "BackingFormat",
                0x6803f857 => "names",
                _ => $"{type:x}:{Convert.ToHexString(header.Slice(at + 8, length))}",
            });
            at += 8 + ((length + 7) & ~7);
        }
        return found;
    }

    private static ulong Bits(MemoryImage storage, int field) => BinaryPrimitives.ReadUInt64BigEndian(storage.Read(field, 8));

    private static void SetBits(MemoryImage storage, int field, ulong bits)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, bits);
        storage.Write(field, bytes);
    }
}
