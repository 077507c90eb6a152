// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Qcow;

namespace BlockHost.Block.Qcow.Tests;

/// <summary>The driver on images in memory: without a backing file they have clusters of 4 KiB, over one of 512 bytes.</summary>
internal static class QcowBed
{
    public const int Cluster = 4096;
    public const int SmallCluster = 512;
    public const int TopAt = 48;

    /// <summary>Of the disk, what one table is for, with clusters of both sizes.</summary>
    public const int Covered = 2 << 20;

    public static FormatBed Images { get; } = new(new QcowPlugin(), "qcow");

    public static Task<MemoryImage> CreateAsync(long size, string? backing = null) => backing is null
        ? Images.CreateAsync(("size", size))
        : Images.CreateAsync(("size", size), ("backing-file", backing), ("backing-fmt", "raw"));

    /// <summary>Where the first table is.</summary>
    public static long FirstTable(MemoryImage image) => Number(image, TopAt);

    public static long Entry(MemoryImage image, int index) => Number(image, FirstTable(image) + (8 * index));

    public static void SetEntry(MemoryImage image, int index, long value) =>
        SetNumber(image, FirstTable(image) + (8 * index), value);

    public static long Number(MemoryImage image, long at) => BinaryPrimitives.ReadInt64BigEndian(image.Read(at, 8));

    public static void SetNumber(MemoryImage image, long at, long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        image.Write(at, bytes);
    }
}
