// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Qcow2.Data;

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
