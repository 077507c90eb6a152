// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Formats.Testing;

/// <summary>What a test does with the disk of an open image.</summary>
public static class Disk
{
    public static async Task<byte[]> ReadAllAsync(BlockNode node)
    {
        var bytes = new byte[node.Profile.Length];
        await node.ReadAsync(0, bytes, ReadFlags.None, default);
        return bytes;
    }

    public static ValueTask WriteAsync(BlockNode node, long offset, int bytes, byte pattern)
    {
        var data = new byte[bytes];
        data.AsSpan().Fill(pattern);
        return node.WriteAsync(offset, data, WriteFlags.None, default);
    }

    public static async Task<ImageCheckResult> CheckAsync(BlockNode node, CheckRepair repair = CheckRepair.None)
    {
        Assert.True(node.TryGetFacet<IImageCheck>(out var facet));
        return await facet.CheckAsync(repair, default);
    }

    public static async Task ResizeAsync(BlockNode node, long length)
    {
        Assert.True(node.TryGetFacet<IResizable>(out var facet));
        await facet.ResizeAsync(length, default, default);
    }

    public static bool Same(byte[] expected, byte[] actual) => expected.AsSpan().SequenceEqual(actual);
}
