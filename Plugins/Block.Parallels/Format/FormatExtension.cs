// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Parallels.Format;

/// <summary>
/// A dirty bitmap of an image: for each cluster of its bits where that is, or 0 nothing is dirty, or 1 everything.
/// </summary>
/// <param name="Granularity">Sectors of a bit.</param>
/// <param name="Clusters">Sectors of the file, or 0, or 1.</param>
internal sealed record RecordedBitmap(Guid Id, ulong Sectors, uint Granularity, IReadOnlyList<ulong> Clusters)
{
    public string Name => Id.ToString();

    /// <summary>Bytes of a bit.</summary>
    public long UnitBytes => Granularity * (long)ParallelsHeader.SectorSize;
}

/// <summary>
/// A cluster with further features of an image ("Format Extension"), which the header points at:
/// <code>
///   0 magic │ 8 MD5 of all that follows │ 24 feature │ feature │ … │ end: 0
///   feature: magic, flags, length, unused │ data, to 8 bytes
/// </code>
/// </summary>
internal sealed record FormatExtension(IReadOnlyList<RecordedBitmap> Bitmaps, bool IsNecessary)
{
    private const ulong Magic = 0xab234cef23dcea87;
    private const ulong BitmapFeature = 0x20385fae252cb34a;
    private const int HeaderSize = 24;
    private const int FeatureSize = 24;
    private const int BitmapSize = 32;
    private const ulong Necessary = 1;
    private const uint LargestGranularity = int.MaxValue / ParallelsHeader.SectorSize;

    /// <summary>Bytes of a bit, at the most.</summary>
    public const long LargestUnit = 1 << 30;

    /// <param name="clusters">Of each bitmap, of how many clusters the extension is to say where they are.</param>
    public static void RequireRoom(IReadOnlyList<int> clusters, long clusterSize)
    {
        var size = HeaderSize + clusters.Sum(count => FeatureSize + BitmapSize + count * (long)sizeof(ulong)) + sizeof(ulong);
        if (size > clusterSize)
            throw Invalid("The Format Extension cluster has no room for the bitmap");
    }

    /// <summary>A feature says that who does not understand it must not change the image.</summary>
    public void RequireWritable()
    {
        if (IsNecessary)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Flags for extension feature are unsupported");
    }

    /// <summary>QEMU's order and words.</summary>
    /// <param name="isLenient">What cannot be understood is left out.</param>
    [SuppressMessage("Security", "CA5351", Justification = "The format has it so, against damage.")]
    public static FormatExtension Parse(byte[] cluster, ulong diskSectors, bool isLenient)
    {
        var magic = BinaryPrimitives.ReadUInt64LittleEndian(cluster);
        var isIntact = magic == Magic && MD5.HashData(cluster.AsSpan(HeaderSize)).AsSpan().SequenceEqual(cluster.AsSpan(8, 16));
        if (isIntact)
            return ParseFeatures(cluster, diskSectors, isLenient);
        if (isLenient)
            return new([], false);
        throw Invalid(magic != Magic
            ? $"Wrong parallels Format Extension magic: 0x{magic:x}, expected: 0x{Magic:x}"
            : "Wrong checksum in Format Extension header. Format extension is corrupted.");
    }

    [SuppressMessage("Security", "CA5351", Justification = "The format has it so, against damage.")]
    public byte[] ToBytes(int clusterSize)
    {
        RequireRoom([.. Bitmaps.Select(bitmap => bitmap.Clusters.Count)], clusterSize);
        var cluster = new byte[clusterSize];
        BinaryPrimitives.WriteUInt64LittleEndian(cluster, Magic);
        var at = HeaderSize;
        foreach (var bitmap in Bitmaps)
            at += Write(bitmap, cluster.AsSpan(at));
        MD5.HashData(cluster.AsSpan(HeaderSize)).CopyTo(cluster, 8);
        return cluster;
    }

    private static int Write(RecordedBitmap bitmap, Span<byte> feature)
    {
        var size = BitmapSize + bitmap.Clusters.Count * sizeof(ulong);
        BinaryPrimitives.WriteUInt64LittleEndian(feature, BitmapFeature);
        BinaryPrimitives.WriteInt32LittleEndian(feature[16..], size);
        var data = feature[FeatureSize..];
        BinaryPrimitives.WriteUInt64LittleEndian(data, bitmap.Sectors);
        bitmap.Id.TryWriteBytes(data[8..], bigEndian: true, out _);
        BinaryPrimitives.WriteUInt32LittleEndian(data[24..], bitmap.Granularity);
        BinaryPrimitives.WriteInt32LittleEndian(data[28..], bitmap.Clusters.Count);
        for (var i = 0; i < bitmap.Clusters.Count; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(data[(BitmapSize + i * sizeof(ulong))..], bitmap.Clusters[i]);
        return FeatureSize + size;
    }

    private static FormatExtension ParseFeatures(byte[] cluster, ulong diskSectors, bool isLenient)
    {
        var bitmaps = new List<RecordedBitmap>();
        var isNecessary = false;
        for (long at = HeaderSize; at + FeatureSize <= cluster.Length;)
        {
            var feature = cluster.AsSpan((int)at);
            var magic = BinaryPrimitives.ReadUInt64LittleEndian(feature);
            if (magic == 0)
                return new(bitmaps, isNecessary);
            var flags = BinaryPrimitives.ReadUInt64LittleEndian(feature[8..]);
            isNecessary |= (flags & Necessary) != 0;
            var size = BinaryPrimitives.ReadUInt32LittleEndian(feature[16..]);
            if (size > feature.Length - FeatureSize)
                throw Invalid($"Feature {bitmaps.Count} does not fit in the Format Extension cluster");
            if (!isLenient && flags != 0)
                throw Invalid("Flags for extension feature are unsupported");
            if (magic == BitmapFeature)
                bitmaps.Add(ParseBitmap(feature.Slice(FeatureSize, (int)size), diskSectors));
            else if (!isLenient)
                throw Invalid($"Unknown feature: 0x{magic:x}");
            at += FeatureSize + (size + 7L) / 8 * 8;
        }

        return new(bitmaps, isNecessary);
    }

    private static RecordedBitmap ParseBitmap(ReadOnlySpan<byte> data, ulong diskSectors)
    {
        if (data.Length < BitmapSize)
            throw Invalid("Too small Bitmap Feature area in Parallels Format Extension");
        var sectors = BinaryPrimitives.ReadUInt64LittleEndian(data);
        var granularity = BinaryPrimitives.ReadUInt32LittleEndian(data[24..]);
        var count = BinaryPrimitives.ReadUInt32LittleEndian(data[28..]);
        if (sectors != diskSectors)
            throw Invalid("Bitmap size (in sectors) differs from disk size in sectors. This is unsupported.");
        if (count > (uint)(data.Length - BitmapSize) / sizeof(ulong))
            throw Invalid("Bitmaps feature corrupted: l1 table exceeds extension cluster");
        if (granularity == 0 || (granularity & (granularity - 1)) != 0 || granularity > LargestGranularity)
            throw Invalid("Invalid bitmap granularity");
        var clusters = new ulong[count];
        for (var i = 0; i < clusters.Length; i++)
            clusters[i] = BinaryPrimitives.ReadUInt64LittleEndian(data[(BitmapSize + i * sizeof(ulong))..]);
        return new(new Guid(data.Slice(8, 16), bigEndian: true), sectors, granularity, clusters);
    }

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
