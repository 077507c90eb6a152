// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Images.Copying;

namespace BlockHost.Images;

/// <summary>
/// Writes what the upper layers of a chain hold into the image under them. Doing it once more, or only a part of it,
/// changes nothing of what the chain reads as.
/// <code>
///   top     ..AA....ZZ        from the layers above the base: A, B and Z
///   middle  BBBB......
///   ─────────────────
///   base    BBAADD..ZZ        the rest of it stays as it is
/// </code>
/// </summary>
/// <param name="source">The chain's top.</param>
/// <param name="layers">How many images lie above the target; the target itself is not under <paramref name="source"/> any
/// more.</param>
internal sealed class LayerMerge(OpenImage source, OpenImage target, int layers, RateLimit limit)
{
    private const int PieceSize = 1024 * 1024;
    private const int Workers = 8;

    private readonly SemaphoreSlim _turn = new(1);
    private readonly IBlockQueue _status = source.Queue;
    private long _offset;
    private LayerPiece _run;
    private long _done;

    /// <param name="report">Told the part that is done, 0 to 1, from any thread.</param>
    /// <exception cref="ToolException">A request failed.</exception>
    public async Task RunAsync(Action<double> report, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var workers = Enumerable.Range(0, Workers).Select(_ => Task.Run(() => WorkAsync(report, stop), stop.Token)).ToArray();
        await Task.WhenAll(workers).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var failed = Array.Find(workers, worker => worker.IsFaulted) ?? Array.Find(workers, worker => worker.IsCanceled);
        if (failed is not null)
            await failed;
    }

    private async Task WorkAsync(Action<double> report, CancellationTokenSource stop)
    {
        var input = source.Backend.OpenQueue();
        await using var inputEnd = input;
        var output = target.Backend.OpenQueue();
        await using var outputEnd = output;
        var buffer = GC.AllocateUninitializedArray<byte>(PieceSize, pinned: true);
        try
        {
            while (await NextAsync(stop.Token) is { Length: > 0 } piece)
            {
                await CopyAsync(piece, input, output, buffer, stop.Token);
                report((double)Interlocked.Add(ref _done, piece.Length) / source.Length);
            }
        }
        catch
        {
            await stop.CancelAsync();
            throw;
        }
    }

    private async ValueTask CopyAsync(
        LayerPiece piece, IBlockQueue input, IBlockQueue output, byte[] buffer, CancellationToken cancellationToken)
    {
        if (piece.IsZero)
        {
            Check(await output.WriteZeroesAsync(piece.Offset, piece.Length, ZeroFlags.MayUnmap, cancellationToken));
            return;
        }

        await limit.WaitAsync(piece.Length, cancellationToken);
        var data = buffer.AsMemory(0, (int)piece.Length);
        Check(await input.ReadAsync(piece.Offset, data, cancellationToken: cancellationToken));
        Check(await output.WriteAsync(piece.Offset, data, WriteFlags.None, cancellationToken));
    }

    /// <summary>What is to be done next; an empty piece at the end.</summary>
    private async ValueTask<LayerPiece> NextAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            while (_run.Length == 0 && _offset < source.Length)
                await FindRunAsync(cancellationToken);
            var length = _run.IsZero ? _run.Length : Math.Min(_run.Length, PieceSize - (_run.Offset % PieceSize));
            var piece = _run with { Length = length };
            _run = _run with { Offset = _run.Offset + length, Length = _run.Length - length };
            return piece;
        }
        finally
        {
            _turn.Release();
        }
    }

    private async ValueTask FindRunAsync(CancellationToken cancellationToken)
    {
        var status = await _status.GetStatusAsync(_offset, source.Length - _offset, cancellationToken: cancellationToken);
        Check(status.Status);
        if (status.Depth < layers)
            _run = new(
                _offset,
                status.Bytes,
                (status.Flags & BlockStatusFlags.Data) == 0 && (status.Flags & BlockStatusFlags.Zero) != 0);
        else
            Interlocked.Add(ref _done, status.Bytes);
        _offset += status.Bytes;
    }

    private static void Check(IoStatus status)
    {
        if (!status.IsOk)
            throw new ToolException($"Block job failed: {ImageErrors.Text(status.Errno)}");
    }

    private readonly record struct LayerPiece(long Offset, long Length, bool IsZero);
}
