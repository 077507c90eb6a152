// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Data;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Compaction;

/// <summary>
/// Copies compressed clusters, one behind the other. An entry tells their length in sectors only; where the next one begins
/// earlier, that is the end, and a trial shows that nothing is missing. So they do not get longer by being moved.
/// </summary>
internal sealed class PieceMover : IDisposable
{
    private readonly Qcow2Image _image;
    private readonly long _limit;
    private readonly long[] _starts;
    private readonly ClusterUnpackers _unpackers;

    public PieceMover(Qcow2Image image, long limit, ulong[] entries)
    {
        _image = image;
        _limit = limit;
        _starts = [.. entries.Select(e => CompressedCluster.Decode(new L2Entry(e), image.Geometry).HostOffset).Order()];
        _unpackers = new ClusterUnpackers(image.Header.Current.Compression);
    }

    /// <summary>Some stay where they are.</summary>
    public int Left { get; private set; }

    /// <returns>The entry for the new place; null: it stays.</returns>
    public async ValueTask<ulong?> TryCopyAsync(ulong entry, int references)
    {
        var geometry = _image.Geometry;
        var piece = CompressedCluster.Decode(new L2Entry(entry), geometry);
        using var buffer = _image.Buffers.Rent(piece.Length);
        var packed = buffer.Memory[..piece.Length];
        await _image.File.ReadAsync(piece.HostOffset, packed).ConfigureAwait(false);
        if (Shortest(piece, packed.Span) is not { } length)
        {
            Left++;
            return null;
        }
        if (await _image.Packed.TryAllocateBelowAsync(length, _limit).ConfigureAwait(false) is not { } place) return null;
        var clusters = ClusterRun.Covering(geometry, place.HostOffset, place.Length);
        if (!await TryCountAsync(clusters, references - 1).ConfigureAwait(false))
        {
            await _image.Allocator.ReleaseAsync(clusters).ConfigureAwait(false);
            Left++;
            return null;
        }
        var next = place.Encode(geometry);
        try
        {
            _image.Guard.CheckWrite(place.HostOffset, length);
            await _image.File.WriteAsync(place.HostOffset, packed[..length]).ConfigureAwait(false);
        }
        catch
        {
            for (var i = 0; i < references; i++) await _image.Allocator.ReleaseAsync(clusters).ConfigureAwait(false);
            throw;
        }
        _image.Reader.Forget(next);
        return next.Raw;
    }

    public void Dispose() => _unpackers.Dispose();

    /// <summary>The least length that holds all of it and fits a cluster; null: what is there cannot be read.</summary>
    private int? Shortest(CompressedCluster piece, ReadOnlySpan<byte> packed)
    {
        var at = Array.BinarySearch(_starts, piece.HostOffset + 1);
        var next = at >= 0 ? _starts[at] : ~at < _starts.Length ? _starts[~at] : long.MaxValue;
        var content = new byte[_image.Geometry.ClusterSize];
        var whole = Math.Min(piece.Length, _image.Geometry.ClusterSize);
        var shorter = (int)Math.Min(whole, next - piece.HostOffset);
        if (_unpackers.TryUnpack(packed[..shorter], content)) return shorter;
        return shorter < whole && _unpackers.TryUnpack(packed[..whole], content) ? whole : null;
    }

    private async ValueTask<bool> TryCountAsync(ClusterRun clusters, int more)
    {
        if (more == 0) return true;
        for (var cluster = clusters.First; cluster < clusters.End; cluster++)
        {
            var held = await _image.Allocator.GetRefcountAsync(cluster).ConfigureAwait(false);
            if (held > _image.Geometry.MaxRefcount - Math.Min((ulong)more, _image.Geometry.MaxRefcount)) return false;
        }
        for (var cluster = clusters.First; cluster < clusters.End; cluster++)
        {
            var held = await _image.Allocator.GetRefcountAsync(cluster).ConfigureAwait(false);
            await _image.Allocator.SetRefcountAsync(cluster, held + (ulong)more).ConfigureAwait(false);
        }
        return true;
    }
}
