// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;

namespace BlockHost.Images;

internal sealed record CopyOptions
{
    /// <summary>Leave out what reads as zero; off: the target is fully written.</summary>
    public bool Sparse { get; init; } = true;

    /// <summary>Runs of zeroes shorter than this many bytes are written as data.</summary>
    public long MinSparse { get; init; } = 4096;

    /// <summary>Pieces in flight.</summary>
    public int Workers { get; init; } = 8;

    /// <summary>Writes go out in the order of their offsets.</summary>
    public bool InOrder { get; init; } = true;

    public bool Compress { get; init; }

    /// <summary>The target's, in bytes; 0: it has none.</summary>
    public long ClusterSize { get; init; }

    /// <summary>Nothing needs to be done for zeroes: a new target.</summary>
    public bool TargetReadsZero { get; init; }

    /// <summary>What the sources' top layer does not provide comes from the target's backing file.</summary>
    public bool TargetHasBacking { get; init; }

    /// <summary>Unreadable parts become zeroes.</summary>
    public bool Salvage { get; init; }

    /// <summary>0: no limit.</summary>
    public long BytesPerSecond { get; init; }
}

/// <summary>
/// Copies the concatenation of images into a target. Workers take pieces in turn; a piece is read, searched for
/// zeroes and written, so that reading one overlaps with writing another.
/// <code>
///   status ─► piece 1: read ─► write ┐ (in order: each write waits for the one before)
///   status ─► piece 2:   read ─► ────┴► write
/// </code>
/// </summary>
internal sealed class ImageCopy(IReadOnlyList<OpenImage> sources, OpenImage target, CopyOptions options)
{
    private const int MaxPiece = 2 * 1024 * 1024;

    private long _total = sources.Sum(source => source.Length);
    private readonly SemaphoreSlim _turn = new(1);
    private readonly int _pieceSize = options is { Compress: true, ClusterSize: > 0 } ? (int)options.ClusterSize : MaxPiece;
    private readonly PieceFinder _finder = new(sources, options);
    private Task _lastWrite = Task.CompletedTask;
    private bool _measured;
    private long _done;
    private Action<double> _report = _ => { };
    private Action<string> _warn = _ => { };

    /// <summary>Counts the data, so that progress tells of it alone and not of holes.</summary>
    public async ValueTask MeasureAsync(CancellationToken cancellationToken)
    {
        var finder = new PieceFinder(sources, options);
        _total = 0;
        while (await finder.NextAsync(_pieceSize, cancellationToken) is { } piece)
            _total += piece.Kind == PieceKind.Data ? piece.Length : 0;
        _measured = true;
    }

    public async Task RunAsync(Action<double> report, Action<string> warn, CancellationToken cancellationToken)
    {
        _report = report;
        _warn = warn;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var workers = Enumerable.Range(0, options.Workers).Select(_ => Task.Run(() => WorkAsync(stop), stop.Token)).ToArray();
        await FirstErrorAsync(workers);
    }

    /// <summary>Waits for all; what a worker failed with counts more than that others were stopped by it.</summary>
    private static async Task FirstErrorAsync(Task[] workers)
    {
        await Task.WhenAll(workers).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var failed = Array.Find(workers, worker => worker.IsFaulted) ?? Array.Find(workers, worker => worker.IsCanceled);
        if (failed is not null)
            await failed;
    }

    private async Task WorkAsync(CancellationTokenSource stop)
    {
        var buffer = GC.AllocateUninitializedArray<byte>(_pieceSize, pinned: true);
        var output = target.Backend.OpenQueue();
        await using (output)
        {
            try
            {
                while (await TakeAsync(stop.Token) is { } turn)
                    await CopyAsync(turn, buffer, output, stop.Token);
            }
            catch
            {
                await stop.CancelAsync();
                throw;
            }
        }
    }

    private async ValueTask<Turn?> TakeAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (await _finder.NextAsync(_pieceSize, cancellationToken) is not { } piece)
                return null;
            var turn = new Turn(piece, _lastWrite, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            _lastWrite = turn.Written.Task;
            return turn;
        }
        finally
        {
            _turn.Release();
        }
    }

    private async ValueTask CopyAsync(Turn turn, byte[] buffer, IBlockQueue output, CancellationToken cancellationToken)
    {
        var piece = turn.Piece;
        try
        {
            var data = buffer.AsMemory(0, piece.Kind == PieceKind.Data ? (int)piece.Length : 0);
            if (piece.Kind == PieceKind.Data)
                await ReadAsync(piece, data, cancellationToken);
            if (options.InOrder)
                await turn.Before.WaitAsync(cancellationToken);
            await WriteAsync(piece, data, buffer, output, cancellationToken);
        }
        finally
        {
            turn.Written.TrySetResult();
        }

        if (!_measured || piece.Kind == PieceKind.Data)
            _report((double)Interlocked.Add(ref _done, piece.Length) / Math.Max(1, _total));
    }

    private async ValueTask ReadAsync(Piece piece, Memory<byte> data, CancellationToken cancellationToken)
    {
        await ThrottleAsync(data.Length, cancellationToken);
        var status = await piece.Source.Queue.ReadAsync(piece.SourceOffset, data, cancellationToken: cancellationToken);
        if (status.IsOk)
            return;
        if (!options.Salvage)
            throw new ToolException($"error while reading at byte {piece.Offset}: {ImageErrors.Text(status.Errno)}");
        await SalvageAsync(piece, data, cancellationToken);
    }

    /// <summary>Reads sector by sector, zeroes for what cannot be read.</summary>
    private async ValueTask SalvageAsync(Piece piece, Memory<byte> data, CancellationToken cancellationToken)
    {
        const int sector = 512;
        for (var at = 0; at < data.Length; at += sector)
        {
            var part = data.Slice(at, Math.Min(sector, data.Length - at));
            var status = await piece.Source.Queue.ReadAsync(piece.SourceOffset + at, part, cancellationToken: cancellationToken);
            if (status.IsOk)
                continue;
            part.Span.Clear();
            _warn($"error while reading offset {piece.Offset + at}: {ImageErrors.Text(status.Errno)}");
        }
    }

    private ValueTask WriteAsync(Piece piece, Memory<byte> data, byte[] buffer, IBlockQueue output, CancellationToken cancellationToken) => piece.Kind switch
    {
        PieceKind.Backing => ValueTask.CompletedTask,
        PieceKind.Zero when options.Sparse => ZeroAsync(piece.Offset, piece.Length, output, cancellationToken),
        PieceKind.Zero => FillAsync(piece, buffer, output, cancellationToken),
        _ when options.Compress => CompressAsync(piece, data, output, cancellationToken),
        _ when !options.Sparse => PutAsync(piece.Offset, data, WriteFlags.None, output, cancellationToken),
        _ => SparseAsync(piece, data, output, cancellationToken),
    };

    private async ValueTask SparseAsync(Piece piece, Memory<byte> data, IBlockQueue output, CancellationToken cancellationToken)
    {
        for (var at = 0; at < data.Length;)
        {
            var run = ZeroRuns.Next(data.Span[at..], (int)Math.Min(options.MinSparse, MaxPiece), out var isZero);
            if (isZero)
                await ZeroAsync(piece.Offset + at, run, output, cancellationToken);
            else
                await PutAsync(piece.Offset + at, data.Slice(at, run), WriteFlags.None, output, cancellationToken);
            at += run;
        }
    }

    private ValueTask CompressAsync(Piece piece, Memory<byte> data, IBlockQueue output, CancellationToken cancellationToken) =>
        !data.Span.ContainsAnyExcept((byte)0) && options.TargetReadsZero
            ? ValueTask.CompletedTask
            : PutAsync(piece.Offset, data, WriteFlags.Compressed, output, cancellationToken);

    private async ValueTask FillAsync(Piece piece, byte[] buffer, IBlockQueue output, CancellationToken cancellationToken)
    {
        buffer.AsSpan().Clear();
        for (var at = 0L; at < piece.Length;)
        {
            var run = (int)Math.Min(buffer.Length, piece.Length - at);
            await PutAsync(piece.Offset + at, buffer.AsMemory(0, run), WriteFlags.None, output, cancellationToken);
            at += run;
        }
    }

    private async ValueTask ZeroAsync(long offset, long length, IBlockQueue output, CancellationToken cancellationToken)
    {
        if (options.TargetReadsZero)
            return;
        var status = await output.WriteZeroesAsync(offset, length, ZeroFlags.MayUnmap, cancellationToken);
        Check(offset, status);
    }

    private static async ValueTask PutAsync(long offset, Memory<byte> data, WriteFlags flags, IBlockQueue output, CancellationToken cancellationToken)
    {
        var status = await output.WriteAsync(offset, data, flags, cancellationToken);
        Check(offset, status);
    }

    private static void Check(long offset, IoStatus status)
    {
        if (!status.IsOk)
            throw new ToolException($"error while writing at byte {offset}: {ImageErrors.Text(status.Errno)}");
    }

    private Task ThrottleAsync(long bytes, CancellationToken cancellationToken) => options.BytesPerSecond == 0
        ? Task.CompletedTask
        : Task.Delay(TimeSpan.FromSeconds((double)bytes * options.Workers / options.BytesPerSecond), cancellationToken);

    private sealed record Turn(Piece Piece, Task Before, TaskCompletionSource Written);
}
