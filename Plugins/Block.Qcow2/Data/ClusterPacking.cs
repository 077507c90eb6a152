// SPDX-License-Identifier: MIT
using BlockHost.Formats.Packing;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Data;

/// <summary>What packs the clusters of an image.</summary>
internal static class ClusterPacking
{
    public static ClusterPackers PackersFor(CompressionType type) =>
        new(type == CompressionType.Zstd ? () => new ZstdPacker() : () => new DeflatePacker());
}

/// <summary>Zstandard at its default level, as QEMU uses it.</summary>
internal sealed class ZstdPacker : ClusterPacker
{
    private nint _context = Zstd.CreateCompressor();

    public override int TryPack(ReadOnlySpan<byte> content, Span<byte> packed) => Zstd.TryCompress(_context, content, packed);

    public override void Dispose()
    {
        Zstd.FreeCompressor(_context);
        _context = 0;
    }
}
