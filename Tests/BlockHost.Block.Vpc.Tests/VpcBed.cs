// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Vpc;

namespace BlockHost.Block.Vpc.Tests;

/// <summary>The driver on images in memory.</summary>
internal static class VpcBed
{
    public const int Block = 2 << 20;

    public static FormatBed Images { get; } = new(new VpcPlugin(), "vpc");

    public static Task CreateAsync(IBlockChild storage, long size, string subformat = "dynamic") =>
        Images.CreateAsync(storage, ("size", size), ("subformat", subformat), ("force-size", true));

    public static Task<MemoryImage> CreateAsync(long size, string subformat = "dynamic") =>
        Images.CreateAsync(("size", size), ("subformat", subformat), ("force-size", true));

    /// <summary>Sets numbers of a structure, and its checksum.</summary>
    public static void Set(MemoryImage image, long offset, int size, int checksumAt, params (int At, int Value)[] numbers)
    {
        var bytes = image.Read(offset, size);
        foreach (var (at, value) in numbers)
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(at), value);
        bytes.AsSpan(checksumAt, 4).Clear();
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(checksumAt), ~bytes.Sum(b => b));
        image.Write(offset, bytes);
    }
}
