// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Remote.Transfers;

namespace BlockHost.Remote.Reading;

/// <summary>Reads that are large are fetched over several connections at once, where those are idle.</summary>
internal static class LargeReads
{
    private const int SplitSize = 512 << 10;
    private const int MaxParts = 4;
    private const long PartAlignment = 4096;

    public static ValueTask ReadAsync(TransferRunner runner, long offset, IoSlice target, CancellationToken cancellationToken)
    {
        var count = (int)Math.Min(Math.Min(runner.Idle, MaxParts), target.Length / SplitSize);
        return count < 2
            ? runner.ReadAsync(offset, target, cancellationToken)
            : ReadPartsAsync(runner, offset, target, count, cancellationToken);
    }

    private static async ValueTask ReadPartsAsync(
        TransferRunner runner, long offset, IoSlice target, int count, CancellationToken cancellationToken)
    {
        var size = ((target.Length / count) + PartAlignment - 1) / PartAlignment * PartAlignment;
        var parts = new List<Task>(count);
        for (long at = 0; at < target.Length; at += size)
        {
            var part = target.Slice(at, Math.Min(size, target.Length - at));
            parts.Add(runner.ReadAsync(offset + at, part, cancellationToken).AsTask());
        }

        await Task.WhenAll(parts).ConfigureAwait(false);
    }
}
