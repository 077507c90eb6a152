// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;

namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>Reads and validates the first cluster of an image; every field is hostile until it has passed here.</summary>
/// <remarks>
/// <code>
///   0 magic            4 version              8 backing file offset   16 backing name length
///  20 cluster bits    24 virtual size        32 crypt method          36 L1 entries
///  40 L1 offset       48 refcount table      56 its clusters          60 snapshots
///  64 snapshot table                                                      version 2 ends here
///  72 incompatible    80 compatible          88 autoclear             96 refcount order
/// 100 header length  104 compression type   105 padding, then fields of later versions
/// </code>
/// </remarks>
internal static class HeaderParser
{
    /// <summary>Bytes that tell how large the first cluster is.</summary>
    public const int ProbeLength = 24;

    public const int MaxSnapshots = 65536;
    private const long MaxSnapshotTableBytes = 64L << 20;
    private const int MinSnapshotEntry = 40;

    /// <summary>Checks magic and version and returns the cluster size, so that the caller can read the whole cluster.</summary>
    public static int ParseClusterSize(ReadOnlySpan<byte> head)
    {
        if (head.Length < ProbeLength || BinaryPrimitives.ReadUInt32BigEndian(head) != Qcow2Header.Magic)
            throw new Qcow2FormatException("Image is not in qcow2 format");
        var version = BinaryPrimitives.ReadUInt32BigEndian(head[4..]);
        if (version is < 2 or > 3)
            throw new Qcow2FormatException($"Unsupported qcow2 version {version}", Qcow2Fault.Unsupported);
        var bits = BinaryPrimitives.ReadUInt32BigEndian(head[20..]);
        if (bits is < ClusterGeometry.MinClusterBits or > ClusterGeometry.MaxClusterBits)
            throw new Qcow2FormatException($"Unsupported cluster size: 2^{bits}");
        return 1 << (int)bits;
    }

    /// <param name="cluster">The first cluster, or less of it when the file is shorter.</param>
    /// <param name="forCheck">What a check reports, and may mend, is let pass: no refcount table, a bad place or number of
    /// snapshots.</param>
    public static Qcow2Header Parse(ReadOnlySpan<byte> cluster, bool forCheck = false)
    {
        var clusterSize = ParseClusterSize(cluster);
        var version = (int)U32(cluster, 4);
        var length = HeaderLength(cluster, version, clusterSize);
        var backingOffset = U64(cluster, 8);
        if (backingOffset > (ulong)clusterSize)
            throw new Qcow2FormatException("Invalid backing file offset");

        var header = version == 2 ? Version2(cluster, forCheck) : Version3(cluster, length, forCheck);
        var areaEnd = backingOffset != 0 ? (int)backingOffset : clusterSize;
        if (length < Math.Min(areaEnd, cluster.Length))
            header = header with { Extensions = HeaderExtension.ParseAll(cluster[length..Math.Min(areaEnd, cluster.Length)]) };
        RefuseUnknownFeatures(header);
        CheckTables(header, U64(cluster, 24), forCheck);
        CheckCompression(header);
        return header with { BackingFile = BackingName(cluster, backingOffset, clusterSize) };
    }

    private static int HeaderLength(ReadOnlySpan<byte> cluster, int version, int clusterSize)
    {
        var least = version == 2 ? Qcow2Header.Version2Length : Qcow2Header.Version3MinLength;
        if (cluster.Length < least) throw new Qcow2FormatException("qcow2 header too short");
        var length = version == 2 ? Qcow2Header.Version2Length : U32(cluster, 100);
        if (length < least) throw new Qcow2FormatException("qcow2 header too short");
        if (length > clusterSize) throw new Qcow2FormatException("qcow2 header exceeds cluster size");
        if (length > cluster.Length) throw new Qcow2FormatException("qcow2 header too short");
        return (int)length;
    }

    private static Qcow2Header Version2(ReadOnlySpan<byte> cluster, bool forCheck)
    {
        var size = U64(cluster, 24);
        if (size > long.MaxValue) throw new Qcow2FormatException("Image is too big", Qcow2Fault.TooLarge);
        var crypt = (CryptMethod)U32(cluster, 32);
        if (crypt > CryptMethod.Luks)
            throw new Qcow2FormatException($"Unsupported encryption method {(int)crypt}");
        return new Qcow2Header
        {
            Version = (int)U32(cluster, 4),
            ClusterBits = (int)U32(cluster, 20),
            Size = (long)size,
            Crypt = crypt,
            L1Entries = Count(cluster, 36, ClusterGeometry.MaxL1Bytes / sizeof(ulong), "Active L1 table too large"),
            L1Offset = (long)U64(cluster, 40),
            RefcountTableOffset = (long)U64(cluster, 48),
            RefcountTableClusters = Count(
                cluster, 56, ClusterGeometry.MaxRefcountTableBytes >> (int)U32(cluster, 20), "Reference count table too large"),
            SnapshotCount = forCheck
                ? (int)Math.Min(U32(cluster, 60), int.MaxValue)
                : Count(
                    cluster, 60, Math.Min(MaxSnapshots, MaxSnapshotTableBytes / MinSnapshotEntry), "Snapshot table too large"),
            SnapshotsOffset = (long)U64(cluster, 64),
        };
    }

    private static Qcow2Header Version3(ReadOnlySpan<byte> cluster, int length, bool forCheck) => Version2(cluster, forCheck) with
    {
        Incompatible = (IncompatibleFeatures)U64(cluster, 72),
        Compatible = (CompatibleFeatures)U64(cluster, 80),
        Autoclear = (AutoclearFeatures)U64(cluster, 88),
        RefcountOrder = (int)Math.Min(U32(cluster, 96), int.MaxValue),
        Compression = length > 104 ? (CompressionType)cluster[104] : CompressionType.Zlib,
        UnknownFields = length > Qcow2Header.Version3Length ? cluster[Qcow2Header.Version3Length..length].ToArray() : [],
    };

    private static void RefuseUnknownFeatures(Qcow2Header header)
    {
        var unknown = (ulong)(header.Incompatible & ~IncompatibleFeatures.Known);
        if (unknown != 0)
        {
            var names = FeatureNameTable.Describe(unknown, header.Extension(HeaderExtension.FeatureNames));
            throw new Qcow2FormatException($"Unsupported qcow2 feature(s): {names}", Qcow2Fault.Unsupported);
        }
    }

    private static void CheckTables(Qcow2Header header, ulong size, bool forCheck)
    {
        var geometry = header.Geometry();
        if (header.RefcountTableClusters == 0 && !forCheck)
            throw new Qcow2FormatException("Image does not contain a reference count table");
        if (!geometry.IsTablePlace((ulong)header.RefcountTableOffset, (long)header.RefcountTableClusters << header.ClusterBits))
            throw new Qcow2FormatException("Reference count table offset invalid");
        if (!forCheck && !HasSnapshotPlace(header))
            throw new Qcow2FormatException("Snapshot table offset invalid");
        if (!geometry.IsTablePlace((ulong)header.L1Offset, (long)header.L1Entries * sizeof(ulong)))
            throw new Qcow2FormatException("Active L1 table offset invalid");
        if (header.L1Entries < header.L1EntriesFor((long)size))
            throw new Qcow2FormatException("L1 table is too small");
    }

    /// <summary>Whether a snapshot table can be where the header says, be it empty.</summary>
    public static bool HasSnapshotPlace(Qcow2Header header) =>
        header.Geometry().IsTablePlace((ulong)header.SnapshotsOffset, (long)header.SnapshotCount * MinSnapshotEntry);

    private static void CheckCompression(Qcow2Header header)
    {
        var flagged = header.Incompatible.HasFlag(IncompatibleFeatures.CompressionType);
        if (header.Compression == CompressionType.Zlib && flagged)
            throw new Qcow2FormatException("qcow2: Compression type incompatible feature bit must not be set");
        if (header.Compression != CompressionType.Zlib && !flagged)
            throw new Qcow2FormatException("qcow2: Compression type incompatible feature bit must be set");
        if (header.Compression > CompressionType.Zstd)
            throw new Qcow2FormatException($"qcow2: unknown compression type: {(int)header.Compression}", Qcow2Fault.Unsupported);
    }

    private static string? BackingName(ReadOnlySpan<byte> cluster, ulong offset, int clusterSize)
    {
        if (offset == 0) return null;
        var length = U32(cluster, 16);
        if (length > Math.Min(Qcow2Header.MaxBackingFileName, clusterSize - (long)offset))
            throw new Qcow2FormatException("Backing file name too long");
        if ((long)offset + length > cluster.Length)
            throw new Qcow2FormatException("Could not read backing file name");
        var name = cluster.Slice((int)offset, (int)length);
        var end = name.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? name : name[..end]);
    }

    private static int Count(ReadOnlySpan<byte> cluster, int at, long most, string refusal)
    {
        var value = U32(cluster, at);
        return value <= most ? (int)value : throw new Qcow2FormatException(refusal, Qcow2Fault.TooLarge);
    }

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64BigEndian(bytes[at..]);
}
