// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace Example.Ram;

/// <summary>A disk of pages; a page that was never written is a hole, which reads as zeroes.</summary>
public sealed class RamNode(long size, bool writable) : BlockNode
{
    private const int PageSize = 64 * 1024;

    private readonly Dictionary<long, byte[]> _pages = [];

    public override BlockProfile Profile { get; } = new()
    {
        Length = size,
        Writable = writable,
        WriteZeroes = Support.Native,
        Discard = Support.Native,
        Status = Support.Native,
        Concurrency = Concurrency.SerializeNode,
    };

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        foreach (var (page, start, length, at) in Pieces(offset, target.Length))
        {
            if (_pages.TryGetValue(page, out var data))
                target.Slice(at, length).CopyFrom(data.AsSpan(start, length));
            else
                target.Slice(at, length).Clear();
        }

        return ValueTask.CompletedTask;
    }

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        foreach (var (page, start, length, at) in Pieces(offset, source.Length))
        {
            if (!_pages.TryGetValue(page, out var data))
                _pages.Add(page, data = new byte[PageSize]);
            source.Slice(at, length).CopyTo(data.AsSpan(start, length));
        }

        return ValueTask.CompletedTask;
    }

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        foreach (var (page, start, length, _) in Pieces(offset, bytes))
        {
            if (length == PageSize)
                _pages.Remove(page);
            else if (_pages.TryGetValue(page, out var data))
                data.AsSpan(start, length).Clear();
        }

        return ValueTask.CompletedTask;
    }

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        WriteZeroesAsync(offset, bytes, ZeroFlags.MayUnmap, cancellationToken);

    public override ValueTask<BlockStatus> GetStatusAsync(long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        var (page, _, length, _) = Pieces(offset, bytes).First();
        var flags = _pages.ContainsKey(page) ? BlockStatusFlags.Data : BlockStatusFlags.Zero;
        return new(new BlockStatus(length, flags | BlockStatusFlags.Allocated));
    }

    public override ValueTask DisposeAsync()
    {
        _pages.Clear();
        return ValueTask.CompletedTask;
    }

    /// <summary>The parts of a range that lie in one page each.</summary>
    private static IEnumerable<(long Page, int Start, int Length, long At)> Pieces(long offset, long bytes)
    {
        for (long at = 0; at < bytes;)
        {
            var start = (int)((offset + at) % PageSize);
            var length = (int)Math.Min(PageSize - start, bytes - at);
            yield return ((offset + at) / PageSize, start, length, at);
            at += length;
        }
    }
}
