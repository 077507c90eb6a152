// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Qed;

namespace BlockHost.Block.Qed.Tests;

/// <summary>
/// The driver on images in memory, with the smallest clusters:
/// <code>
///   0 header │ 4K top table │ 12K …
/// </code>
/// </summary>
internal static class QedBed
{
    public const int Cluster = 4096;
    public const int TopAt = 4096;

    /// <summary>Of the disk, what one table is for.</summary>
    public const int Covered = 1024 * Cluster;

    public static FormatBed Images { get; } = new(new QedPlugin(), "qed");

    public static Task<MemoryImage> CreateAsync(long size, string? backing = null) => backing is null
        ? Images.CreateAsync(("size", size), ("cluster-size", Cluster), ("table-size", 2))
        : Images.CreateAsync(
            ("size", size), ("cluster-size", Cluster), ("table-size", 2), ("backing-file", backing), ("backing-fmt", "raw"));

    public static bool NeedsCheck(MemoryImage image) => (image.Read(16, 1)[0] & 2) != 0;

    /// <summary>Where the first table is.</summary>
    public static long FirstTable(MemoryImage image) => BitConverter.ToInt64(image.Read(TopAt, 8));

    public static void SetEntry(MemoryImage image, int index, long value) =>
        image.Write(FirstTable(image) + (8 * index), BitConverter.GetBytes(value));

    public static long Entry(MemoryImage image, int index) =>
        BitConverter.ToInt64(image.Read(FirstTable(image) + (8 * index), 8));
}
