// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Formats;
using BlockHost.Formats.Packing;
using BlockHost.Formats.Reading;
using BlockHost.Plugins.Block.Cloop.Format;
using BlockHost.Unpacking;

namespace BlockHost.Plugins.Block.Cloop;

/// <summary>An open image.</summary>
internal sealed class CloopNode : ReadOnlyNode
{
    private const long MostUnpacked = 32 << 20;

    private static readonly IUnpacker Xz = new Xz();
    private static readonly IUnpacker Lz4 = new Lz4();
    private static readonly IUnpacker Lzo = new Lzo1x();

    private readonly CloopHeader _header;
    private readonly BlockIndex _index;
    private readonly IIoBufferPool _buffers;
    private readonly UnpackedBlocks _blocks;

    public CloopNode(IBlockChild file, CloopHeader header, BlockIndex index, IIoBufferPool buffers)
        : base(file, header.DiskSize)
    {
        (_header, _index, _buffers) = (header, index, buffers);
        _blocks = new(MostUnpacked, number => number < header.Blocks ? (int)header.BlockSize : 0, UnpackAsync, buffers);
    }

    public override async ValueTask DrainBeginAsync(CancellationToken cancellationToken) =>
        await _blocks.SettleAsync().ConfigureAwait(false);

    public override ValueTask DisposeAsync() => _blocks.CloseAsync();

    protected override ValueTask<BlockRun> FindAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        new(new BlockRun(BlockState.Packed, 0, Math.Min(_header.BlockSize - offset % _header.BlockSize, bytes)));

    protected override ValueTask ReadPackedAsync(long offset, IoSlice target, CancellationToken cancellationToken)
    {
        var (block, within) = Math.DivRem(offset, _header.BlockSize);
        return _blocks.ReadAsync(block, (int)within, target, cancellationToken);
    }

    private async ValueTask UnpackAsync(long number, Memory<byte> content)
    {
        var block = await _index.LocateAsync((uint)number, CancellationToken.None).ConfigureAwait(false);
        // No way of packing makes a block twice as long: what says so is damaged or padded.
        using var packed = _buffers.Rent((int)Math.Min(block.Bytes, 2L * _header.BlockSize));
        if (block.Place < 0 || block.Place > File.Length - packed.Memory.Length)
            throw Damaged(number);
        await File.ReadAsync(block.Place, packed.Memory, ReadFlags.None, CancellationToken.None).ConfigureAwait(false);
        if (!TryUnpack(block.Packing, packed.Memory, content.Span))
            throw Damaged(number);
    }

    private static bool TryUnpack(Packing packing, Memory<byte> packed, Span<byte> content)
    {
        switch (packing)
        {
            case Packing.Zlib:
                return Zlib.TryInflateWrapped(packed.Span, content);
            case Packing.None when packed.Length == content.Length:
                packed.Span.CopyTo(content);
                return true;
            case Packing.Xz:
                return Xz.TryUnpack(packed, content);
            case Packing.Lz4:
                return Lz4.TryUnpack(packed, content);
            case Packing.Lzo:
                return Lzo.TryUnpack(packed, content);
            default:
                return false;
        }
    }

    private static BlockException Damaged(long number) => new(BlockErrorKind.Io, $"Block {number} of the image is damaged");
}
