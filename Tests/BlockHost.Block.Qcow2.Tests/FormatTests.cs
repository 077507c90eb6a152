// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>The layout code alone.</summary>
public sealed class FormatTests
{
    [Fact]
    public void A_header_survives_writing_and_parsing_with_all_that_is_unknown_in_it()
    {
        var header = Header() with
        {
            Compatible = (CompatibleFeatures)0x8000_0000_0000_0001,
            Autoclear = (AutoclearFeatures)0x4000_0000_0000_0000,
            UnknownFields = [1, 2, 3, 4, 5, 6, 7, 8],
            Extensions = [new HeaderExtension(0x12345678, [9, 8, 7]), FeatureNameTable.Create()],
        };
        header = header.WithBacking("base image.raw", "raw");
        var parsed = HeaderParser.Parse(HeaderWriter.Write(header));
        Assert.Equal(header.UnknownFields, parsed.UnknownFields);
        Assert.Equal(
            header.Extensions.Select(e => (e.Type, Convert.ToHexString(e.Data))),
            parsed.Extensions.Select(e => (e.Type, Convert.ToHexString(e.Data))));
        Assert.Equal(("base image.raw", "raw"), (parsed.BackingFile, parsed.BackingFormat));
        Assert.Equal(header with { UnknownFields = [], Extensions = [] }, parsed with { UnknownFields = [], Extensions = [] });
    }

    [Theory]
    [InlineData(0, "00", "Image is not in qcow2 format")]
    [InlineData(4, "00000004", "Unsupported qcow2 version 4")]
    [InlineData(20, "00000008", "Unsupported cluster size: 2^8")]
    [InlineData(20, "FFFFFFFF", "Unsupported cluster size: 2^4294967295")]
    [InlineData(24, "0FFFFFFFFFFFFFFF", "Image is too big")]
    [InlineData(24, "FFFFFFFFFFFFFFFF", "Image is too big")]
    [InlineData(32, "00000003", "Unsupported encryption method 3")]
    [InlineData(36, "7FFFFFFF", "Active L1 table too large")]
    [InlineData(36, "00000000", "L1 table is too small")]
    [InlineData(40, "0000000000000001", "Active L1 table offset invalid")]
    [InlineData(40, "FFFFFFFFFFFF0000", "Active L1 table offset invalid")]
    [InlineData(48, "0000000000000001", "Reference count table offset invalid")]
    [InlineData(48, "7FFFFFFFFFFF0000", "Reference count table offset invalid")]
    [InlineData(56, "FFFFFFFF", "Reference count table too large")]
    [InlineData(56, "00000000", "Image does not contain a reference count table")]
    [InlineData(60, "FFFFFFFF", "Snapshot table too large")]
    [InlineData(72, "8000000000000000", "Unsupported qcow2 feature(s): Unknown incompatible feature: 8000000000000000")]
    [InlineData(72, "0000000000000060", "Unsupported qcow2 feature(s): Unknown incompatible feature: 60")]
    [InlineData(72, "0000000000000008", "qcow2: Compression type incompatible feature bit must not be set")]
    [InlineData(96, "00000007", "Reference count entry width too large; may not exceed 64 bits")]
    [InlineData(96, "FFFFFFFF", "Reference count entry width too large; may not exceed 64 bits")]
    [InlineData(100, "00000010", "qcow2 header too short")]
    [InlineData(100, "00010010", "qcow2 header exceeds cluster size")]
    [InlineData(104, "01", "qcow2: Compression type incompatible feature bit must be set")]
    [InlineData(104, "02", "qcow2: Compression type incompatible feature bit must be set")]
    [InlineData(8, "000000000000020000000400", "Backing file name too long")]
    [InlineData(8, "0000000000010001", "Invalid backing file offset")]
    [InlineData(116, "00FFFFFF", "Header extension too large")]
    public void A_hostile_header_is_refused_in_qemus_words(int offset, string bytes, string message)
    {
        var cluster = HeaderWriter.Write(Header() with { Extensions = [FeatureNameTable.Create()] });
        Convert.FromHexString(bytes).CopyTo(cluster, offset);
        Assert.Equal(message, Assert.Throws<Qcow2FormatException>(() => HeaderParser.Parse(cluster)).Message);
    }

    [Fact]
    public void Any_cut_or_changed_header_is_parsed_or_refused_but_nothing_else()
    {
        var whole = HeaderWriter.Write((Header() with { Extensions = [FeatureNameTable.Create()] }).WithBacking("b", "raw"));
        var random = new Random(3);
        for (var i = 0; i < 20_000; i++)
        {
            var cluster = whole[..random.Next(1, 700)];
            for (var n = random.Next(8); n >= 0; n--) cluster[random.Next(Math.Min(cluster.Length, 160))] = (byte)(random
                .Next(4) == 0 ? 0xFF : random.Next(256));
            try
            {
                HeaderParser.Parse(cluster);
            }
            catch (Qcow2FormatException)
            {
                // A refusal with a reason is what is wanted.
            }
        }
    }

    [Fact]
    public void An_unknown_feature_is_named_by_the_image_that_uses_it()
    {
        var table = new byte[48];
        table[1] = 9;
        "time travel"u8.CopyTo(table.AsSpan(2));
        var header = Header() with
        {
            Incompatible = (IncompatibleFeatures)(1UL << 9),
            Extensions = [new HeaderExtension(HeaderExtension.FeatureNames, table)],
        };
        var refusal = Assert.Throws<Qcow2FormatException>(() => HeaderParser.Parse(HeaderWriter.Write(header)));
        Assert.Equal("Unsupported qcow2 feature(s): time travel", refusal.Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void A_refcount_of_any_width_leaves_its_neighbours_alone(int order)
    {
        var block = new byte[512];
        var entries = 512 * 8 >> order;
        var most = order == 6 ? long.MaxValue : (1UL << (1 << order)) - 1;
        var expected = new ulong[entries];
        var random = new Random(order);
        for (var i = 0; i < 3000; i++)
        {
            var index = random.Next(entries);
            expected[index] = (ulong)random.NextInt64() & most;
            RefcountCodec.Write(block, index, order, expected[index]);
        }
        Assert.Equal(expected, Enumerable.Range(0, entries).Select(i => RefcountCodec.Read(block, i, order)));
        var free = Array.IndexOf(expected, 0UL);
        Assert.Equal(free < 0 ? entries : free, RefcountCodec.FindFree(block, 0, entries, order));
    }

    [Fact]
    public void Sub_byte_refcounts_begin_at_the_least_significant_bit()
    {
        var block = new byte[1];
        RefcountCodec.Write(block, 0, 1, 3);
        RefcountCodec.Write(block, 3, 1, 1);
        Assert.Equal(0b0100_0011, block[0]);
    }

    [Theory]
    [InlineData(9)]
    [InlineData(16)]
    [InlineData(21)]
    public void Geometry_splits_and_covers_every_offset(int clusterBits)
    {
        var geometry = new ClusterGeometry(clusterBits, 4, extendedL2: false);
        var offset = (5L << geometry.L2CoverageBits) + (7L << clusterBits) + 11;
        Assert.Equal((5, 7, 11), (geometry.L1Index(offset), geometry.L2Index(offset), geometry.OffsetInCluster(offset)));
        Assert.Equal(
            ClusterGeometry.MaxL1Bytes / 8, geometry.L1EntriesFor((ClusterGeometry.MaxL1Bytes / 8) << geometry.L2CoverageBits));
        Assert.Throws<Qcow2FormatException>(
            () => geometry.L1EntriesFor(((ClusterGeometry.MaxL1Bytes / 8) << geometry.L2CoverageBits) + 1));
        Assert.Throws<Qcow2FormatException>(() => geometry.L1EntriesFor(long.MaxValue));
        Assert.Equal((long.MaxValue >> clusterBits) + 1, geometry.ClustersFor(long.MaxValue));
    }

    [Theory]
    [InlineData(9)]
    [InlineData(16)]
    [InlineData(21)]
    public void A_compressed_cluster_is_described_from_its_byte_to_the_end_of_its_last_sector(int clusterBits)
    {
        var geometry = new ClusterGeometry(clusterBits, 4, extendedL2: false);
        var entry = new CompressedCluster(0x12345, 400).Encode(geometry);
        Assert.True(entry is { Compressed: true, Copied: false });
        var decoded = CompressedCluster.Decode(entry, geometry);
        Assert.Equal(0x12345, decoded.HostOffset);
        Assert.Equal(0, (decoded.HostOffset + decoded.Length) % 512);
        Assert.InRange(decoded.Length, 400, 400 + 511);
        Assert.Throws<Qcow2FormatException>(() => new CompressedCluster(1L << 62, 1).Encode(geometry));
    }

    [Fact]
    public void Subclusters_are_told_apart_in_runs()
    {
        var bitmap = default(SubclusterBitmap).WithData(0, 4).WithZero(4, 8);
        Assert.Equal((SubclusterKind.Data, 4), (bitmap[0], bitmap.RunLength(0)));
        Assert.Equal((SubclusterKind.Zero, 8), (bitmap[4], bitmap.RunLength(4)));
        Assert.Equal((SubclusterKind.Unallocated, 20), (bitmap[12], bitmap.RunLength(12)));
        Assert.Equal(SubclusterKind.Zero, bitmap.WithZero(0, 32)[31]);
        Assert.True(bitmap.IsValid);
        Assert.False(new SubclusterBitmap(0x1_0000_0001).IsValid);
    }

    [Fact]
    public void A_snapshot_entry_with_lying_lengths_is_refused()
    {
        var entry = new byte[200];
        BinaryPrimitives.WriteUInt16BigEndian(entry.AsSpan(12), ushort.MaxValue);
        Assert.Throws<Qcow2FormatException>(() => SnapshotTable.ParseEntry(entry));
        BinaryPrimitives.WriteUInt16BigEndian(entry.AsSpan(12), 1);
        BinaryPrimitives.WriteUInt32BigEndian(entry.AsSpan(36), 5000);
        Assert.Throws<Qcow2FormatException>(() => SnapshotTable.ParseEntry(entry));
    }

    private static Qcow2Header Header() => new()
    {
        Version = 3,
        ClusterBits = 16,
        Size = 1 << 20,
        L1Entries = 1,
        L1Offset = 0x30000,
        RefcountTableOffset = 0x10000,
        RefcountTableClusters = 1,
    };
}
