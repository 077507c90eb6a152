// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vmdk.Tests;

/// <summary>Sizes and offsets that an attacker chose: each is refused by name, and none makes memory be taken.</summary>
public sealed class HostileTests
{
    [Theory]
    [InlineData(12, long.MaxValue, "Could not refresh total sector count: File too large")]
    [InlineData(12, -1, "Could not refresh total sector count: File too large")]
    [InlineData(12, 1L << 50, "L1 size too big")]
    [InlineData(20, 0, "L1 entry size is invalid")]
    [InlineData(20, -128, "L1 entry size is invalid")]
    [InlineData(20, 0x400000, "Invalid granularity, image may be corrupt")]
    [InlineData(64, 1L << 40, "File truncated, expecting at least 562949953421312 bytes")]
    [InlineData(56, -1, "Invalid footer")]
    public async Task A_header_with_a_wrong_number(int offset, long value, string text)
    {
        var bytes = Header();
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(offset), value);
        var e = await Assert.ThrowsAsync<BlockException>(() => VmdkBed.OpenAsync(new MemoryImage(bytes), readOnly: true));
        Assert.Equal(text, e.Message);
    }

    [Fact]
    public async Task A_directory_longer_than_the_file_takes_no_memory()
    {
        var bytes = Header();
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(12), 1L << 40);
        await Assert.ThrowsAsync<BlockException>(() => VmdkBed.OpenAsync(new MemoryImage(bytes), readOnly: true));
    }

    [Theory]
    [InlineData("# Disk DescriptorFile\nversion=1\n", "invalid VMDK image descriptor")]
    [InlineData("createType=\"custom\"\n", "Unsupported image type 'custom'")]
    [InlineData("CID=1\ncreateType=\"monolithicFlat\"\nRW 10 FLAT \"x\" -5\n", "Invalid extent line: RW 10 FLAT \"x\" -5")]
    [InlineData(
        "CID=1\ncreateType=\"monolithicFlat\"\nRW 9223372036854775807 FLAT \"x\" 0\n",
        "Invalid extent line: RW 9223372036854775807 FLAT \"x\" 0")]
    [InlineData(
        "CID=1\ncreateType=\"monolithicFlat\"\nNOACCESS 10 FLAT \"x\" 0\n",
        "The image's description names no extent that can be read and written")]
    public async Task A_description_that_is_wrong(string description, string text)
    {
        var e = await Assert.ThrowsAsync<BlockException>(
            () => VmdkBed.OpenAsync(new MemoryImage(Encoding.ASCII.GetBytes(description)), readOnly: true));
        Assert.Equal(text, e.Message);
    }

    /// <summary>QEMU leaves out the first digits of a new image's id where they are zero, in one image of sixteen.</summary>
    [Theory]
    [InlineData("1")]
    [InlineData("f00d")]
    [InlineData("7654321")]
    [InlineData("ffffffff")]
    public async Task A_content_id_of_any_length_changes_in_its_place(string id)
    {
        var image = new MemoryImage(EsxDelta(id));
        await using (var node = await VmdkBed.OpenAsync(image))
            await node.WriteAsync(0, new byte[512], WriteFlags.None, default);

        var line = Encoding.ASCII.GetString(image.Read(512, 4 + id.Length + "\nparentCID=ffffffff\n".Length));
        Assert.Matches($"^CID=[0-9a-f]{{{id.Length}}}\nparentCID=ffffffff\n$", line);
        Assert.DoesNotContain($"CID={id}\n", line[..(5 + id.Length)], StringComparison.Ordinal);
    }

    /// <summary>ESX's delta disks: one directory, tables of 4096 entries that are made when they are needed.</summary>
    [Fact]
    public async Task A_cowd_extent_makes_its_tables_as_it_is_written()
    {
        var image = new MemoryImage(EsxDelta("00000001"));
        await using (var node = await VmdkBed.OpenAsync(image))
        {
            Assert.Equal(8192 * 512, node.Profile.Length);
            await node.WriteAsync(100_000, new byte[] { 1, 2, 3 }, WriteFlags.None, default);
            await node.FlushAsync(default);
        }

        await using var again = await VmdkBed.OpenAsync(image, readOnly: true);
        var read = await VmdkBed.ReadAllAsync(again);
        Assert.Equal([1, 2, 3], read[100_000..100_003]);
        Assert.Equal(3, read.Count(b => b != 0));
    }

    private static byte[] EsxDelta(string contentId)
    {
        var bytes = new byte[8192];
        "COWD"u8.CopyTo(bytes);
        foreach (var (offset, value) in ((int, uint)[])[(4, 1), (8, 3), (12, 8192), (16, 16), (20, 4), (24, 1), (28, 16)])
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(offset), value);
        Encoding.ASCII.GetBytes($"CID={contentId}\nparentCID=ffffffff\n").CopyTo(bytes.AsSpan(512));
        return bytes;
    }

    private static byte[] Header()
    {
        var bytes = new byte[65536];
        "KDMV"u8.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), 1);
        foreach (var (offset, value) in ((int, long)[])[(12, 2048), (20, 128), (28, 1), (36, 20), (56, 30), (64, 128)])
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(offset), value);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(44), 512);
        "CID=00000001\nparentCID=ffffffff\n"u8.CopyTo(bytes.AsSpan(512));
        return bytes;
    }
}
