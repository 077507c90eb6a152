// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Plugins.Commands.Migration.Format;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Migration.Streams;

/// <summary>
/// The dirty bitmaps that go along. Until they have gone they are busy; from the moment that the images are let go of they are
/// not stored in these any more.
/// </summary>
internal sealed class OutgoingBitmaps : IDisposable
{
    private readonly List<Sent> _bitmaps = [];
    private string? _lastNode;
    private string? _lastBitmap;

    /// <exception cref="BlockException">One of them is in use or not fit to go.</exception>
    /// <exception cref="QmpException">A name has no place in the stream.</exception>
    public OutgoingBitmaps(IBlockGraph graph, BitmapNames names)
    {
        try
        {
            foreach (var node in graph.Nodes)
                Take(node, names);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public bool IsEmpty => _bitmaps.Count == 0;

    /// <summary>What is to come.</summary>
    public void WriteStarts(StreamOutput output)
    {
        foreach (var sent in _bitmaps)
        {
            WriteHead(output, BitmapChunkLayout.Start, sent);
            output.UInt32((uint)sent.Bitmap.Granularity);
            output.Byte((byte)((sent.Bitmap.Enabled ? BitmapChunkLayout.Enabled : 0)
                | (sent.IsPersistent ? BitmapChunkLayout.Persistent : 0)));
        }

        WriteEnd(output);
    }

    /// <summary>From now on the image is not given the bitmaps, or is again.</summary>
    public void HandOver(bool isOver)
    {
        foreach (var sent in _bitmaps)
            sent.Bitmap.IsHandedOver = isOver && sent.Bitmap.IsPersistent;
    }

    /// <summary>All of their bits; nothing writes any more.</summary>
    public async ValueTask WriteAllAsync(StreamOutput output, CancellationToken cancellationToken)
    {
        foreach (var sent in _bitmaps)
            await WriteBitsAsync(output, sent, cancellationToken).ConfigureAwait(false);
        foreach (var sent in _bitmaps)
            WriteHead(output, BitmapChunkLayout.Complete, sent);
        WriteEnd(output);
    }

    public void Dispose()
    {
        foreach (var sent in _bitmaps)
            sent.Hold.Dispose();
    }

    private void Take(IGraphNode node, BitmapNames names)
    {
        if (node.DirtyBitmaps.Named.Count == 0 || names.OfNode(node.Name) is not { } alias)
            return;
        foreach (var bitmap in node.DirtyBitmaps.Named)
        {
            if (names.OfBitmap(node.Name, bitmap.Name!) is not var (name, persistent))
                continue;
            if (node.HasGeneratedName)
                throw new QmpException($"Bitmap '{bitmap.Name}' in unnamed node can't be migrated");
            if (Encoding.UTF8.GetByteCount(name) > BitmapNames.MaxLength)
                throw new QmpException($"Cannot migrate bitmap '{name}' on node '{node.Name}': Name is longer than 255 bytes");
            bitmap.RequireUsable();
            _bitmaps.Add(new Sent(bitmap, bitmap.Hold(), alias, name, persistent ?? bitmap.IsPersistent));
        }
    }

    private async ValueTask WriteBitsAsync(StreamOutput output, Sent sent, CancellationToken cancellationToken)
    {
        var bitmap = sent.Bitmap;
        var sectors = (bitmap.Length + BitmapChunkLayout.Sector - 1) / BitmapChunkLayout.Sector;
        var perUnit = bitmap.Granularity / BitmapChunkLayout.Sector;
        // Fewer units where the sectors of as many as fit are more than can be said.
        var perChunk = Math.Min(BitmapChunkLayout.MaxBits * 8L, (1L << 31) / perUnit);
        var bits = new byte[BitmapChunkLayout.MaxBits];
        for (long unit = 0; unit * perUnit < sectors; unit += perChunk)
        {
            var count = Math.Min(perChunk * perUnit, sectors - (unit * perUnit));
            var uniformity = bitmap.ReadBits(unit, bits);
            WriteChunk(output, sent, unit * perUnit, count, perUnit, uniformity == BitmapUniformity.AllClean ? null : bits);
            await output.FlushIfFullAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private void WriteChunk(StreamOutput output, Sent sent, long first, long count, long perUnit, byte[]? bits)
    {
        WriteHead(output, BitmapChunkLayout.Bits | (bits is null ? BitmapChunkLayout.Zeroes : 0), sent);
        output.UInt64((ulong)first);
        output.UInt32((uint)count);
        if (bits is null)
            return;
        var units = (count + perUnit - 1) / perUnit;
        var groups = (units + (BitmapChunkLayout.Group * 8) - 1) / (BitmapChunkLayout.Group * 8);
        var length = (int)groups * BitmapChunkLayout.Group;
        output.UInt64((ulong)length);
        output.Bytes(bits.AsSpan(0, length));
    }

    private void WriteHead(StreamOutput output, int flags, Sent sent)
    {
        if (sent.Node != _lastNode)
            flags |= BitmapChunkLayout.NodeName;
        if (sent.Name != _lastBitmap || sent.Node != _lastNode)
            flags |= BitmapChunkLayout.BitmapName;
        output.Byte((byte)flags);
        if ((flags & BitmapChunkLayout.NodeName) != 0)
            output.Name(sent.Node);
        if ((flags & BitmapChunkLayout.BitmapName) != 0)
            output.Name(sent.Name);
        (_lastNode, _lastBitmap) = (sent.Node, sent.Name);
    }

    private static void WriteEnd(StreamOutput output) => output.Byte(BitmapChunkLayout.End);

    private sealed record Sent(IDirtyBitmap Bitmap, IDisposable Hold, string Node, string Name, bool IsPersistent);
}
