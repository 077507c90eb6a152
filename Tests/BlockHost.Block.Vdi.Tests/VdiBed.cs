// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Vdi;

namespace BlockHost.Block.Vdi.Tests;

/// <summary>The driver on images in memory.</summary>
internal static class VdiBed
{
    public const int Block = 1 << 20;

    public static FormatBed Images { get; } = new(new VdiPlugin(), "vdi");

    public static Task CreateAsync(IBlockChild storage, long size, string preallocation = "off") =>
        Images.CreateAsync(storage, ("size", size), ("preallocation", preallocation));

    public static Task<MemoryImage> CreateAsync(long size, string preallocation = "off") =>
        Images.CreateAsync(("size", size), ("preallocation", preallocation));
}
