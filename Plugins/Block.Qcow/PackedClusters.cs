// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats.Packing;
using BlockHost.Plugins.Block.Qcow.Format;

namespace BlockHost.Plugins.Block.Qcow;

/// <summary>
/// Packs clusters, and unpacks them. The last one that was read in part is kept, as readers come back for the next part.
/// </summary>
internal sealed class PackedClusters(IBlockChild file, QcowHeader header, IIoBufferPool buffers)
{
    public const int BatchSize = 1 << 20;

    private readonly ClusterEntries _entries = new(header.ClusterBits);
    private readonly ClusterPackers _packers = new(() => new DeflatePacker());
    private Unpacked? _last;

    /// <summary>Packed clusters have to lie before it.</summary>
    public long PlaceLimit => _entries.PackedLimit;

    /// <summary>Places will be used again.</summary>
    public void Forget() => Volatile.Write(ref _last, null);

    public ulong Encode(long place, int bytes) => _entries.Encode(place, bytes);

    public async ValueTask<PackedBatch> PackAsync(IoSlice source, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var clusters = (int)((source.Length + header.ClusterSize - 1) / header.ClusterSize);
        var bytes = clusters * header.ClusterSize;
        using var content = buffers.Rent(bytes);
        source.CopyTo(content.Memory.Span);
        // The cluster that ends the disk is stored whole.
        content.Memory.Span[(int)source.Length..bytes].Clear();
        var packed = buffers.Rent(bytes);
        try
        {
            var sizes = await _packers.PackAsync(
                content.Memory[..bytes], packed.Memory[..bytes], header.ClusterSize).ConfigureAwait(false);
            return new PackedBatch(packed, sizes, header.ClusterSize);
        }
        catch
        {
            packed.Dispose();
            throw;
        }
    }

    /// <param name="within">Offset in the unpacked cluster.</param>
    public async ValueTask ReadAsync(ulong entry, int within, IoSlice target, CancellationToken cancellationToken)
    {
        // No place is used twice while the image is open, so an entry always stands for the same content.
        if (Volatile.Read(ref _last) is { } last && last.Entry == entry)
        {
            target.CopyFrom(last.Content.AsSpan(within, (int)target.Length));
            return;
        }

        if (target.Length == header.ClusterSize && target.TryGetMemory(out var whole))
        {
            await UnpackAsync(entry, whole, cancellationToken).ConfigureAwait(false);
            return;
        }

        var content = new byte[header.ClusterSize];
        await UnpackAsync(entry, content, cancellationToken).ConfigureAwait(false);
        Volatile.Write(ref _last, new Unpacked(entry, content));
        target.CopyFrom(content.AsSpan(within, (int)target.Length));
    }

    private async ValueTask UnpackAsync(ulong entry, Memory<byte> content, CancellationToken cancellationToken)
    {
        var (place, bytes) = _entries.Decode(entry);
        using var packed = buffers.Rent(header.ClusterSize);
        await file.ReadAsync(
            BlkdebugEvent.ReadCompressed, place, packed.Memory[..bytes], ReadFlags.None, cancellationToken).ConfigureAwait(false);
        if (!Zlib.TryInflate(packed.Memory.Span[..bytes], content.Span))
            throw new BlockException(BlockErrorKind.Io, $"The compressed cluster at {place} cannot be unpacked")
            { Offset = place };
    }

    private sealed record Unpacked(ulong Entry, byte[] Content);
}
