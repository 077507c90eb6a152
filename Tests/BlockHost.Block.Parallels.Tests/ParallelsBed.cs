// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Security.Cryptography;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Parallels;

namespace BlockHost.Block.Parallels.Tests;

/// <summary>The driver on images in memory, with small clusters.</summary>
internal static class ParallelsBed
{
    public const int Cluster = 64 << 10;
    public const int TableAt = 64;

    public static FormatBed Images { get; } = new(new ParallelsPlugin(), "parallels");

    public static Task<MemoryImage> CreateAsync(int clusters) =>
        Images.CreateAsync(("size", clusters * Cluster), ("cluster-size", Cluster));

    public static void SetEntry(MemoryImage image, int index, int value) =>
        image.Write(TableAt + (4 * index), BitConverter.GetBytes(value));

    public static bool IsMarkedOpen(MemoryImage image) => BitConverter.ToUInt32(image.Read(44, 4)) == 0x746f6e59;

    /// <summary>An image of the older kind, whose entries count sectors.</summary>
    public static void MakeOld(MemoryImage image)
    {
        image.Write(0, "WithoutFreeSpace"u8.ToArray());
        for (var at = TableAt; at < Cluster; at += 4)
        {
            if (BitConverter.ToInt32(image.Read(at, 4)) is var entry and not 0)
                image.Write(at, BitConverter.GetBytes(entry * Cluster / 512));
        }
    }

    /// <summary>Adds an extension with one bitmap whose first unit is dirty, in the two clusters behind all others.</summary>
    public static void AddBitmap(MemoryImage image, long flags = 0, ulong feature = 0x20385fae252cb34a)
    {
        var place = (image.Length + Cluster - 1) / Cluster * Cluster;
        var cluster = new byte[Cluster];
        BinaryPrimitives.WriteUInt64LittleEndian(cluster, 0xab234cef23dcea87);
        BinaryPrimitives.WriteUInt64LittleEndian(cluster.AsSpan(24), feature);
        BinaryPrimitives.WriteInt64LittleEndian(cluster.AsSpan(32), flags);
        BinaryPrimitives.WriteInt32LittleEndian(cluster.AsSpan(40), 40);
        image.Read(36, 8).CopyTo(cluster, 48);
        for (byte i = 0; i < 16; i++)
            cluster[56 + i] = i;
        BinaryPrimitives.WriteInt32LittleEndian(cluster.AsSpan(72), 128);
        BinaryPrimitives.WriteInt32LittleEndian(cluster.AsSpan(76), 1);
        BinaryPrimitives.WriteInt64LittleEndian(cluster.AsSpan(80), (place + Cluster) / 512);
        MD5.HashData(cluster.AsSpan(24)).CopyTo(cluster, 8);
        image.Write(place, cluster);
        image.Write(place + Cluster, new byte[] { 1 });
        image.Resize(place + (2 * Cluster));
        image.Write(56, BitConverter.GetBytes(place / 512));
    }
}
