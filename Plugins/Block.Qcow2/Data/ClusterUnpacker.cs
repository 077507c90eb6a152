// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using BlockHost.Formats.Packing;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Data;

/// <summary>Decompresses one cluster after the other; not from two threads at once.</summary>
internal abstract class ClusterUnpacker : IDisposable
{
    /// <summary>
    /// Fills <paramref name="content"/>; the packed bytes may be followed by others, up to the end of a sector.
    /// </summary>
    /// <returns>False: damaged, or too short.</returns>
    public abstract bool TryUnpack(ReadOnlySpan<byte> packed, Span<byte> content);

    public virtual void Dispose()
    {
    }
}

/// <summary>The unpackers of an image. They are kept, because setting one up is dear.</summary>
internal sealed class ClusterUnpackers(CompressionType type) : IDisposable
{
    private readonly ConcurrentBag<ClusterUnpacker> _idle = [];

    public bool TryUnpack(ReadOnlySpan<byte> packed, Span<byte> content)
    {
        var unpacker = _idle.TryTake(
            out var idle) ? idle : type == CompressionType.Zstd ? new ZstdUnpacker() : new DeflateUnpacker();
        try
        {
            return unpacker.TryUnpack(packed, content);
        }
        finally
        {
            _idle.Add(unpacker);
        }
    }

    public void Dispose()
    {
        while (_idle.TryTake(out var unpacker)) unpacker.Dispose();
    }
}

internal sealed class DeflateUnpacker : ClusterUnpacker
{
    public override bool TryUnpack(ReadOnlySpan<byte> packed, Span<byte> content) => Zlib.TryInflate(packed, content);
}

internal sealed class ZstdUnpacker : ClusterUnpacker
{
    private nint _context = Zstd.CreateDecompressor();

    public override bool TryUnpack(ReadOnlySpan<byte> packed, Span<byte> content) =>
        Zstd.TryDecompress(_context, packed, content);

    public override void Dispose()
    {
        Zstd.FreeDecompressor(_context);
        _context = 0;
    }
}
