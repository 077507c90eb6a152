// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Formats.Packing;
using BlockHost.Plugins.Block.Dmg.Format;
using BlockHost.Unpacking;
using BlockHost.Unpacking.Lzfse;

namespace BlockHost.Plugins.Block.Dmg;

/// <summary>Reads and unpacks whole chunks.</summary>
internal sealed class ChunkUnpacker(IBlockChild file, IIoBufferPool buffers)
{
    private static readonly IUnpacker Adc = new Adc();
    private static readonly IUnpacker Bzip2 = new Bzip2();
    private static readonly IUnpacker Lzfse = new LzfseUnpacker();
    private static readonly IUnpacker Xz = new Xz();

    /// <param name="content">As long as the chunk.</param>
    public async ValueTask UnpackAsync(Chunk chunk, Memory<byte> content, CancellationToken cancellationToken)
    {
        if (chunk.Place > file.Length - chunk.Packed)
            throw new BlockException(
                BlockErrorKind.Io, $"The chunk for offset {chunk.Offset} lies beyond the end of the file");
        using var packed = buffers.Rent((int)chunk.Packed);
        await file.ReadAsync(chunk.Place, packed.Memory, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        if (!TryUnpack(chunk.Kind, packed.Memory, content.Span))
            throw new BlockException(BlockErrorKind.Io, $"The chunk for offset {chunk.Offset} is damaged");
    }

    private static bool TryUnpack(ChunkKind kind, ReadOnlyMemory<byte> packed, Span<byte> content) => kind switch
    {
        ChunkKind.Zlib => Zlib.TryInflateWrapped(packed.Span, content),
        ChunkKind.Adc => Adc.TryUnpack(packed, content),
        ChunkKind.Bzip2 => Bzip2.TryUnpack(packed, content),
        ChunkKind.Lzfse => Lzfse.TryUnpack(packed, content),
        _ => Xz.TryUnpack(packed, content),
    };
}
