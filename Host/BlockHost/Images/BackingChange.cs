// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;

namespace BlockHost.Images;

/// <summary>
/// Gives an overlay all it needs to read the same over another backing file: where it has nothing of its own and the two
/// backing files differ, the old one's data is written into it. The overlay still stands on the old file meanwhile, so
/// an interruption costs space and nothing else.
/// </summary>
/// <param name="before">What the overlay stands on; null: nothing.</param>
/// <param name="after">What it will stand on; null: nothing.</param>
/// <param name="between">
/// How many layers of <paramref name="before"/> lie above <paramref name="after"/>, where that is of the same chain: what
/// none of them holds is the same in both. Null: it is not.
/// </param>
/// <param name="clusterSize">The overlay's, in bytes.</param>
internal sealed class BackingChange(OpenImage overlay, OpenImage? before, OpenImage? after, int? between, long clusterSize)
{
    private const int PieceSize = 2 * 1024 * 1024;
    private const int Sector = 512;

    private readonly byte[] _old = GC.AllocateUninitializedArray<byte>(PieceSize, pinned: true);
    private readonly byte[] _new = GC.AllocateUninitializedArray<byte>(PieceSize, pinned: true);
    private readonly long _oldLength = before?.Length ?? 0;
    private readonly long _newLength = after?.Length ?? 0;

    /// <param name="advance">Called for each piece that was compared.</param>
    /// <exception cref="ToolException">A request failed.</exception>
    public async ValueTask RunAsync(Action advance, CancellationToken cancellationToken)
    {
        for (var offset = between == 0 ? overlay.Length : 0; offset < overlay.Length;)
        {
            var piece = await ClassifyAsync(offset, cancellationToken);
            if (piece.MayDiffer)
            {
                await CompareAsync(offset, (int)piece.Length, cancellationToken);
                advance();
            }

            offset += piece.Length;
        }
    }

    private async ValueTask<(long Length, bool MayDiffer)> ClassifyAsync(long offset, CancellationToken cancellationToken)
    {
        var (allocated, length) = await OwnRunAsync(offset, Math.Min(PieceSize, overlay.Length - offset), cancellationToken);
        if (allocated)
            return (length, false);
        if (between is { } layers && offset < _oldLength)
        {
            var status = await StatusAsync(before!, offset, Math.Min(length, _oldLength - offset), cancellationToken);
            if (status.Depth >= layers)
                return (status.Bytes, false);
            length = status.Bytes;
        }

        // Pieces end where one of the two files does.
        if (offset < _oldLength)
            length = Math.Min(length, _oldLength - offset);
        if (offset < _newLength)
            length = Math.Min(length, _newLength - offset);
        return (length, true);
    }

    /// <summary>Whether the overlay itself says what a run reads as.</summary>
    private async ValueTask<(bool Allocated, long Length)> OwnRunAsync(
        long offset, long bytes, CancellationToken cancellationToken)
    {
        var first = await StatusAsync(overlay, offset, bytes, cancellationToken);
        var length = first.Bytes;
        // Runs below end at other places.
        while (length < bytes && await StatusAsync(overlay, offset + length, bytes - length, cancellationToken) is var next
            && next.Depth == 0 == (first.Depth == 0))
            length += next.Bytes;
        return (first.Depth == 0, length);
    }

    private static async ValueTask<ChainStatus> StatusAsync(
        OpenImage image, long offset, long bytes, CancellationToken cancellationToken)
    {
        var status = await image.Queue.GetStatusAsync(offset, bytes, StatusPrecision.AllocationOnly, cancellationToken);
        Check(status.Status, "error while reading image metadata");
        return status;
    }

    private async ValueTask CompareAsync(long offset, int length, CancellationToken cancellationToken)
    {
        var old = _old.AsMemory(0, length);
        var replacement = _new.AsMemory(0, length);
        await ReadAsync(before, _oldLength, offset, old, "error while reading from old backing file", cancellationToken);
        await ReadAsync(after, _newLength, offset, replacement, "error while reading from new backing file", cancellationToken);
        for (var at = 0; at < length;)
        {
            var run = NextRun(old.Span[at..], replacement.Span[at..], out var differs);
            if (differs)
                await WriteAsync(offset + at, old.Slice(at, run), cancellationToken);
            at += run;
        }
    }

    private static async ValueTask ReadAsync(
        OpenImage? image, long length, long offset, Memory<byte> target, string failure, CancellationToken cancellationToken)
    {
        if (offset >= length)
            target.Span.Clear();
        else
            Check(await image!.Queue.ReadAsync(offset, target, cancellationToken: cancellationToken), failure);
    }

    /// <summary>Behind the old file's end nothing needs to be stored to read zeroes.</summary>
    private async ValueTask WriteAsync(long offset, Memory<byte> data, CancellationToken cancellationToken)
    {
        var status = offset < _oldLength || (before is null && !await IsFreeAsync(offset, data.Length, cancellationToken))
            ? await overlay.Queue.WriteAsync(offset, data, WriteFlags.None, cancellationToken)
            : await WriteZeroesAsync(offset, data.Length, cancellationToken);
        Check(status, "Error while writing to COW image");
    }

    /// <summary>
    /// Without a backing file an overlay has nothing to do to make a part of a free cluster read as zeroes, and would not
    /// note that it must stay so. It takes note of whole clusters.
    /// </summary>
    private ValueTask<IoStatus> WriteZeroesAsync(long offset, long length, CancellationToken cancellationToken)
    {
        var (start, end) = before is null ? Clusters(offset, length) : (offset, offset + length);
        return overlay.Queue.WriteZeroesAsync(start, end - start, ZeroFlags.None, cancellationToken);
    }

    private async ValueTask<bool> IsFreeAsync(long offset, long length, CancellationToken cancellationToken)
    {
        var (start, end) = Clusters(offset, length);
        var (allocated, run) = await OwnRunAsync(start, end - start, cancellationToken);
        return !allocated && run == end - start;
    }

    private (long Start, long End) Clusters(long offset, long length) =>
        (offset / clusterSize * clusterSize, Math.Min(
            overlay.Length, (offset + length + clusterSize - 1) / clusterSize * clusterSize));

    /// <summary>Length of the first run of sectors that are all equal or all different.</summary>
    private static int NextRun(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, out bool differs)
    {
        var common = left.CommonPrefixLength(right);
        if (common == left.Length || common >= Sector)
        {
            differs = false;
            return common == left.Length ? common : common / Sector * Sector;
        }

        differs = true;
        var end = 0;
        do
            end = Math.Min(left.Length, end + Sector);
        while (end < left.Length && !SectorAt(left, end).SequenceEqual(SectorAt(right, end)));
        return end;
    }

    private static ReadOnlySpan<byte> SectorAt(ReadOnlySpan<byte> data, int at) =>
        data.Slice(at, Math.Min(Sector, data.Length - at));

    private static void Check(IoStatus status, string failure)
    {
        if (!status.IsOk)
            throw new ToolException($"{failure}: {ImageErrors.Text(status.Errno)}");
    }
}
