// SPDX-License-Identifier: MIT
using System.IO.Compression;
using System.Runtime.InteropServices;
using BlockHost.Block;
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
    private readonly Lock _sync = new();

    /// <param name="within">Offset in the unpacked cluster.</param>
    public async ValueTask ReadAsync(L2Entry entry, int within, IoSlice part, CancellationToken cancellationToken)
    {
        var content = Find(entry.Raw);
        if (content is null)
        {
            content = await UnpackAsync(entry, cancellationToken).ConfigureAwait(false);
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
    }

    private async ValueTask<byte[]> UnpackAsync(L2Entry entry, CancellationToken cancellationToken)
    {
        var piece = CompressedCluster.Decode(entry, image.Geometry);
        using var packed = image.Buffers.Rent(piece.Length);
        await image.File.ReadAsync(piece.HostOffset, packed.Memory[..piece.Length], cancellationToken: cancellationToken).ConfigureAwait(false);
        var content = GC.AllocateUninitializedArray<byte>(image.Geometry.ClusterSize);
        var whole = image.Header.Current.Compression == CompressionType.Zstd
            ? Zstd.TryDecompress(packed.Memory.Span[..piece.Length], content)
            : TryInflate(packed.Memory[..piece.Length], content);
        if (!whole)
            throw new BlockException(BlockErrorKind.Io, $"Compressed cluster at 0x{piece.HostOffset:x} cannot be unpacked") { Offset = piece.HostOffset };
        return content;
    }

    private static bool TryInflate(Memory<byte> packed, byte[] content)
    {
        if (!MemoryMarshal.TryGetArray<byte>(packed, out var array))
            array = packed.ToArray();
        using var inflate = new DeflateStream(new MemoryStream(array.Array!, array.Offset, array.Count, writable: false), CompressionMode.Decompress);
        try
        {
            return inflate.ReadAtLeast(content, content.Length, throwOnEndOfStream: false) == content.Length;
        }
        catch (InvalidDataException)
        {
            return false;
        }
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
