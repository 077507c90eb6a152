// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Data;

/// <summary>
/// Reads from compressed clusters. The last few are kept unpacked, because readers come back for the next part of the
/// same cluster. A descriptor names one content until its host clusters are taken anew, by when no reader can be left that
/// knew the old one.
/// </summary>
internal sealed class ClusterDecompressor(Qcow2Image image) : IDisposable
{
    private const int KeptBytes = 1 << 20;
    private const int MinKept = 2;

    private readonly LinkedList<(ulong Entry, byte[] Content)> _kept = [];
    private readonly int _capacity = Math.Max(MinKept, KeptBytes >> image.Geometry.ClusterBits);
    private readonly ClusterUnpackers _unpackers = new(image.Header.Current.Compression);
    private readonly Lock _sync = new();

    /// <param name="within">Offset in the unpacked cluster.</param>
    public async ValueTask ReadAsync(L2Entry entry, int within, IoSlice part, CancellationToken cancellationToken)
    {
        var content = Find(entry.Raw);
        if (content is null)
        {
            // Whoever reads a cluster whole does not come back for it.
            if (part.Length == image.Geometry.ClusterSize && part.TryGetMemory(out var whole))
            {
                await UnpackAsync(entry, whole, cancellationToken).ConfigureAwait(false);
                return;
            }
            content = GC.AllocateUninitializedArray<byte>(image.Geometry.ClusterSize);
            await UnpackAsync(entry, content, cancellationToken).ConfigureAwait(false);
            Keep(entry.Raw, content);
        }
        part.CopyFrom(content.AsSpan(within, (int)part.Length));
    }

    public void Forget(L2Entry entry)
    {
        lock (_sync)
        {
            for (var node = _kept.First; node is not null; node = node.Next)
            {
                if (node.Value.Entry != entry.Raw) continue;
                _kept.Remove(node);
                return;
            }
        }
    }

    public void Dispose()
    {
        lock (_sync) _kept.Clear();
        _unpackers.Dispose();
    }

    private async ValueTask UnpackAsync(L2Entry entry, Memory<byte> content, CancellationToken cancellationToken)
    {
        var piece = CompressedCluster.Decode(entry, image.Geometry);
        using var packed = image.Buffers.Rent(piece.Length);
        await image.File.ReadAsync(
            BlkdebugEvent.ReadCompressed,
            piece.HostOffset,
            packed.Memory[..piece.Length],
            cancellationToken: cancellationToken).ConfigureAwait(false);
        if (!_unpackers.TryUnpack(packed.Memory.Span[..piece.Length], content.Span))
            throw new BlockException(BlockErrorKind.Io, $"Compressed cluster at {piece.HostOffset:#x} cannot be unpacked")
            { Offset = piece.HostOffset };
    }

    private byte[]? Find(ulong entry)
    {
        lock (_sync)
        {
            for (var node = _kept.First; node is not null; node = node.Next)
            {
                if (node.Value.Entry != entry) continue;
                _kept.Remove(node);
                _kept.AddFirst(node);
                return node.Value.Content;
            }
            return null;
        }
    }

    private void Keep(ulong entry, byte[] content)
    {
        lock (_sync)
        {
            _kept.AddFirst((entry, content));
            if (_kept.Count > _capacity) _kept.RemoveLast();
        }
    }
}
