// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;

namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>Lays a header out as the bytes of the image's first cluster: fields, extensions, end mark, backing name.</summary>
internal static class HeaderWriter
{
    /// <param name="nameAt">Where to put the backing file name; 0: right behind the extensions.</param>
    /// <exception cref="Qcow2FormatException">The parts do not fit one cluster.</exception>
    public static byte[] Write(Qcow2Header header, int nameAt = 0)
    {
        var cluster = new byte[1 << header.ClusterBits];
        var name = header.BackingFile is null ? [] : Encoding.UTF8.GetBytes(header.BackingFile);
        if (name.Length > Qcow2Header.MaxBackingFileName)
            throw new Qcow2FormatException("Backing file name too long");
        var length = header.Version == 2 ? Qcow2Header.Version2Length : Qcow2Header.Version3Length + header.UnknownFields.Length;
        var nameOffset = Math.Max(nameAt, length + header.Extensions.Sum(e => e.EncodedSize) + sizeof(ulong));

        // Feature names are a courtesy that the smallest clusters have no room for.
        if (nameOffset + name.Length > cluster.Length && header.Extension(HeaderExtension.FeatureNames) is not null)
            return Write(header.WithExtension(HeaderExtension.FeatureNames, null), nameAt);
        if (nameOffset + name.Length > cluster.Length)
            throw new Qcow2FormatException("The header with its extensions does not fit one cluster", Qcow2Fault.TooLarge);

        WriteVersion2(cluster, header);
        if (header.BackingFile is not null)
        {
            BinaryPrimitives.WriteUInt64BigEndian(cluster.AsSpan(8), (ulong)nameOffset);
            BinaryPrimitives.WriteUInt32BigEndian(cluster.AsSpan(16), (uint)name.Length);
            name.CopyTo(cluster.AsSpan(nameOffset));
        }
        if (header.Version >= 3) WriteVersion3(cluster, header, length);
        var at = length;
        foreach (var extension in header.Extensions)
            at += extension.Write(cluster.AsSpan(at));
        return cluster;
    }

    /// <summary>
    /// A copy of a header cluster with the fixed fields of <paramref name="header"/>; extensions and names stay in place.
    /// </summary>
    public static byte[] Patch(ReadOnlySpan<byte> cluster, Qcow2Header header)
    {
        var copy = cluster.ToArray();
        WriteVersion2(copy, header);
        if (header.Version >= 3) WriteFeatures(copy, header);
        return copy;
    }

    private static void WriteVersion2(Span<byte> cluster, Qcow2Header header)
    {
        BinaryPrimitives.WriteUInt32BigEndian(cluster, Qcow2Header.Magic);
        BinaryPrimitives.WriteUInt32BigEndian(cluster[4..], (uint)header.Version);
        BinaryPrimitives.WriteUInt32BigEndian(cluster[20..], (uint)header.ClusterBits);
        BinaryPrimitives.WriteUInt64BigEndian(cluster[24..], (ulong)header.Size);
        BinaryPrimitives.WriteUInt32BigEndian(cluster[32..], (uint)header.Crypt);
        BinaryPrimitives.WriteUInt32BigEndian(cluster[36..], (uint)header.L1Entries);
        BinaryPrimitives.WriteUInt64BigEndian(cluster[40..], (ulong)header.L1Offset);
        BinaryPrimitives.WriteUInt64BigEndian(cluster[48..], (ulong)header.RefcountTableOffset);
        BinaryPrimitives.WriteUInt32BigEndian(cluster[56..], (uint)header.RefcountTableClusters);
        BinaryPrimitives.WriteUInt32BigEndian(cluster[60..], (uint)header.SnapshotCount);
        BinaryPrimitives.WriteUInt64BigEndian(cluster[64..], (ulong)header.SnapshotsOffset);
    }

    private static void WriteFeatures(Span<byte> cluster, Qcow2Header header)
    {
        BinaryPrimitives.WriteUInt64BigEndian(cluster[72..], (ulong)header.Incompatible);
        BinaryPrimitives.WriteUInt64BigEndian(cluster[80..], (ulong)header.Compatible);
        BinaryPrimitives.WriteUInt64BigEndian(cluster[88..], (ulong)header.Autoclear);
        BinaryPrimitives.WriteUInt32BigEndian(cluster[96..], (uint)header.RefcountOrder);
    }

    private static void WriteVersion3(Span<byte> cluster, Qcow2Header header, int length)
    {
        WriteFeatures(cluster, header);
        BinaryPrimitives.WriteUInt32BigEndian(cluster[100..], (uint)length);
        cluster[104] = (byte)header.Compression;
        header.UnknownFields.CopyTo(cluster[Qcow2Header.Version3Length..]);
    }
}
