// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Formats.Reading;
using BlockHost.Plugins.Block.Dmg.Format;

namespace BlockHost.Plugins.Block.Dmg;

/// <summary>An open image.</summary>
internal sealed class DmgNode : ReadOnlyNode, IImageCheck
{
    private const long MostUnpacked = 64 << 20;

    private readonly ImageContents _image;
    private readonly ChunkUnpacker _unpacker;
    private readonly UnpackedBlocks _unpacked;
    private readonly IIoBufferPool _buffers;

    public DmgNode(IBlockChild file, ImageContents image, IIoBufferPool buffers)
        : base(file, image.Map.Length)
    {
        (_image, _buffers, _unpacker) = (image, buffers, new(file, buffers));
        _unpacked = new(MostUnpacked, number => (int)(image.Map.Packed(number)?.Length ?? 0), UnpackAsync, buffers);
    }

    public override async ValueTask DrainBeginAsync(CancellationToken cancellationToken) =>
        await _unpacked.SettleAsync().ConfigureAwait(false);

    public ValueTask<ImageCheckResult> CheckAsync(CheckRepair repair, CancellationToken cancellationToken) => repair == 0
        ? new ImageChecker(File, _image, _unpacker, _buffers).CheckAsync(cancellationToken)
        : throw new BlockException(BlockErrorKind.NotSupported, "A dmg image cannot be repaired");

    public override ValueTask DisposeAsync() => _unpacked.CloseAsync();

    protected override ValueTask<BlockRun> FindAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        var chunk = _image.Map.Find(offset, out var end);
        var length = Math.Min(end - offset, bytes);
        return new(chunk switch
        {
            { Kind: ChunkKind.Raw } raw => new BlockRun(BlockState.Stored, raw.Place + offset - raw.Offset, length),
            { IsPacked: true } => new BlockRun(BlockState.Packed, 0, length),
            _ => new BlockRun(BlockState.Zero, 0, length),
        });
    }

    protected override ValueTask ReadPackedAsync(long offset, IoSlice target, CancellationToken cancellationToken)
    {
        var number = _image.Map.NumberAt(offset);
        var within = offset - _image.Map.Packed(number)!.Value.Offset;
        return _unpacked.ReadAsync(number, (int)within, target, cancellationToken);
    }

    private ValueTask UnpackAsync(long number, Memory<byte> content) =>
        _unpacker.UnpackAsync(_image.Map.Packed(number)!.Value, content, CancellationToken.None);
}
