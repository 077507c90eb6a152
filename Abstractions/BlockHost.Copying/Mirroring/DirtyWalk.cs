// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;

namespace BlockHost.Copying.Mirroring;

/// <summary>A dirty range to copy next: whole units.</summary>
/// <param name="IsData">All of it was data when it was looked at.</param>
internal readonly record struct DirtyPiece(long Offset, long Bytes, bool IsData)
{
    public long End => Offset + Bytes;
}

/// <summary>
/// Goes over the disk from dirty range to dirty range, and cuts them where the source changes from data to zeroes, so that
/// zeroes are written at one go however long their run is:
/// <code>
///   dirty    ████████████████████████████████    ██
///   source   dddddddddddd0000000000000000dddd    dd
///   pieces   |----|----|-|--------------|---|    |-|
/// </code>
/// What the source holds may change as soon as it was looked at: data is copied as data in any case, and where there were
/// zeroes the copy looks again.
/// </summary>
internal sealed class DirtyWalk(IDirtyBitmap dirty, QueuePool source, long length, long copySize)
{
    private const long LongestRun = 1 << 30;

    private long _cursor;
    private long _knownFrom;
    private long _knownEnd;
    private bool _isZero;

    /// <summary>Nothing dirty lies ahead.</summary>
    public bool IsAtEnd => !dirty.TryFindDirty(_cursor, length, 1, out _);

    public void StartOver() => (_cursor, _knownEnd) = (0, 0);

    /// <summary>The next piece; null where what was dirty has just been made clean.</summary>
    public async ValueTask<DirtyPiece?> NextAsync()
    {
        if (!dirty.TryFindDirty(_cursor, length, LongestRun, out var range))
            return null;
        if (range.Offset < _knownFrom || range.Offset >= _knownEnd)
            await LookAsync(range.Offset).ConfigureAwait(false);
        var known = Math.Min(_knownEnd, range.End) - range.Offset;
        var bytes = known == range.Bytes ? known : Math.Max(1, known / dirty.Granularity) * dirty.Granularity;
        bytes = Math.Min(_isZero ? bytes : Math.Min(bytes, copySize), range.Bytes);
        _cursor = range.Offset + bytes;
        return new DirtyPiece(range.Offset, bytes, IsData: !_isZero && bytes <= known);
    }

    private async ValueTask LookAsync(long offset)
    {
        using var queue = source.Rent();
        var run = await queue.Queue.GetStatusAsync(offset, length - offset).ConfigureAwait(false);
        _knownFrom = offset;
        // Where the state cannot be told, the data still can be read.
        _knownEnd = run.Status.IsOk ? offset + run.Bytes : length;
        _isZero = run.Status.IsOk && (run.Flags & BlockStatusFlags.Zero) != 0;
    }
}
