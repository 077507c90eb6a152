// SPDX-License-Identifier: MIT
using System.Runtime.ExceptionServices;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;

namespace BlockHost.Images.Copying;

/// <summary>
/// Copies a row of images into a target. Workers take pieces in turn; a piece is read, searched for zeroes and
/// written, so that reading one overlaps with writing another.
/// <code>
///   status ─► piece 1: read ─► write ┐ (in order: each write waits for the one before)
///   status ─► piece 2:   read ─► ────┴► write
/// </code>
/// </summary>
internal sealed class ImageCopy
{
    /// <summary>Bytes of the largest piece of data.</summary>
    public const int MaxPiece = 2 * 1024 * 1024;

    /// <summary>Bytes of a piece that is compressed, where clusters are no larger: enough to keep processors busy.</summary>
    private const int CompressedPiece = 512 * 1024;

    private readonly SourceRow _row;
    private readonly OpenImage _target;
    private readonly IIoBufferPool _buffers;
    private readonly CopyOptions _options;
    private readonly SparseRuns _runs;
    private readonly RateLimit _rate;
    private readonly SemaphoreSlim _turn = new(1);
    private readonly PieceFinder _finder;
    private readonly int _pieceSize;
    private Task _lastWrite = Task.CompletedTask;
    private long _done;
    private Exception? _failure;

    public ImageCopy(SourceRow row, OpenImage target, IIoBufferPool buffers, CopyOptions options, Action<string> warn)
    {
        if (options.Compress && options.ClusterSize is <= 0 or > MaxPiece)
            throw new ToolException("invalid cluster size");
        _row = row;
        _target = target;
        _buffers = buffers;
        _options = options;
        _runs = new(options.MinSparse, options.TargetAlignment);
        _rate = new(options.BytesPerSecond, TimeProvider.System);
        _pieceSize = options.Compress ? Math.Max(CompressedPiece, (int)options.ClusterSize) : MaxPiece;
        _finder = new(row, options, _pieceSize) { Warn = warn };
        Warn = warn;
    }

    /// <summary>Told how many bytes of data have been taken on.</summary>
    public Action<long>? Taken { get; init; }

    private Action<string> Warn { get; }

    /// <summary>Bytes that will be copied: data alone and no holes.</summary>
    public static async ValueTask<long> MeasureAsync(SourceRow row, CopyOptions options, CancellationToken cancellationToken)
    {
        var finder = new PieceFinder(row, options, MaxPiece);
        var total = 0L;
        while (await finder.NextAsync(cancellationToken) is { } piece)
            total += Counts(piece, options) ? piece.Length : 0;
        return total;
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var workers = Enumerable.Range(0, _options.Workers).Select(_ => Task.Run(() => WorkAsync(stop), stop.Token)).ToArray();

        // What the first failed with counts: the others fail because they were stopped by it.
        await Task.WhenAll(workers).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_failure is not null)
            ExceptionDispatchInfo.Throw(_failure);
        await Task.WhenAll(workers);
    }

    private static bool Counts(Piece piece, CopyOptions options) =>
        piece.Kind == PieceKind.Data || (piece.Kind == PieceKind.Zero && !options.Sparse);

    private async Task WorkAsync(CancellationTokenSource stop)
    {
        using var buffer = _buffers.Rent(_pieceSize);
        await using var input = _row.OpenReader();
        await using var output = _target.Backend.OpenQueue();
        try
        {
            while (await TakeAsync(stop.Token) is { } turn)
                await CopyAsync(turn, buffer.Memory, input, output, stop);
        }
        catch (Exception e)
        {
            await StopAsync(e, stop);
            throw;
        }
    }

    private Task StopAsync(Exception failure, CancellationTokenSource stop)
    {
        Interlocked.CompareExchange(ref _failure, failure, null);
        return stop.CancelAsync();
    }

    private async ValueTask<Turn?> TakeAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (await _finder.NextAsync(cancellationToken) is not { } piece)
                return null;
            if (Counts(piece, _options))
                Taken?.Invoke(_done += piece.Length);
            var turn = new Turn(
                piece, _lastWrite, _options.InOrder ? new(TaskCreationOptions.RunContinuationsAsynchronously) : null);
            _lastWrite = turn.Written?.Task ?? Task.CompletedTask;
            return turn;
        }
        finally
        {
            _turn.Release();
        }
    }

    private async ValueTask CopyAsync(
        Turn turn, Memory<byte> buffer, SourceReader input, IBlockQueue output, CancellationTokenSource stop)
    {
        var piece = turn.Piece;
        try
        {
            var data = piece.Kind == PieceKind.Data ? buffer[..(int)piece.Length] : default;
            if (piece.Kind == PieceKind.Data)
                await ReadAsync(piece, data, input, stop.Token);
            await turn.Before.WaitAsync(stop.Token);
            await WriteAsync(piece, data, buffer, output, stop.Token);
        }
        catch (Exception e)
        {
            // Before the next one has its turn.
            await StopAsync(e, stop);
            throw;
        }
        finally
        {
            turn.Written?.TrySetResult();
        }
    }

    private async ValueTask ReadAsync(Piece piece, Memory<byte> data, SourceReader input, CancellationToken cancellationToken)
    {
        var status = await input.ReadAsync(piece.Offset, data, cancellationToken);
        if (status.IsOk)
            return;
        if (!_options.Salvage)
            throw new ToolException($"error while reading at byte {piece.Offset}: {ImageErrors.Text(status.Errno)}");
        await SalvageAsync(piece, data, input, cancellationToken);
    }

    /// <summary>Reads sector by sector, zeroes for what cannot be read.</summary>
    private async ValueTask SalvageAsync(Piece piece, Memory<byte> data, SourceReader input, CancellationToken cancellationToken)
    {
        const int sector = 512;
        for (var at = 0; at < data.Length; at += sector)
        {
            var part = data.Slice(at, Math.Min(sector, data.Length - at));
            var status = await input.ReadAsync(piece.Offset + at, part, cancellationToken);
            if (status.IsOk)
                continue;
            part.Span.Clear();
            Warn($"error while reading offset {piece.Offset + at}: {ImageErrors.Text(status.Errno)}");
        }
    }

    private ValueTask WriteAsync(
        Piece piece,
        Memory<byte> data,
        Memory<byte> buffer,
        IBlockQueue output,
        CancellationToken cancellationToken) => piece.Kind switch
        {
            PieceKind.Backing => ValueTask.CompletedTask,
            PieceKind.Zero when _options.Sparse => ZeroAsync(piece.Offset, piece.Length, output, cancellationToken),
            PieceKind.Zero => FillAsync(piece, buffer, output, cancellationToken),
            _ when _options.Compress => CompressAsync(piece, WithRest(piece, data.Length, buffer), output, cancellationToken),
            _ when !_options.Sparse => PutAsync(piece.Offset, data, WriteFlags.None, output, cancellationToken),
            _ => SparseAsync(piece, data, output, cancellationToken),
        };

    private async ValueTask SparseAsync(Piece piece, Memory<byte> data, IBlockQueue output, CancellationToken cancellationToken)
    {
        for (var at = 0; at < data.Length;)
        {
            var run = _runs.Next(data.Span[at..], piece.Offset + at, out var isHole);
            if (isHole)
                await ZeroAsync(piece.Offset + at, run, output, cancellationToken);
            else
                await PutAsync(piece.Offset + at, data.Slice(at, run), WriteFlags.None, output, cancellationToken);
            at += run;
        }
    }

    /// <summary>Many clusters a request, so that the target can compress them on several processors.</summary>
    private async ValueTask CompressAsync(Piece piece, Memory<byte> data, IBlockQueue output, CancellationToken cancellationToken)
    {
        for (var at = 0; at < data.Length;)
        {
            var isHole = IsHole(data, at);
            var end = at + (int)_options.ClusterSize;
            while (end < data.Length && IsHole(data, end) == isHole)
                end += (int)_options.ClusterSize;
            end = Math.Min(end, data.Length);
            if (isHole)
                await ZeroAsync(piece.Offset + at, end - at, output, cancellationToken);
            else
                await PutAsync(piece.Offset + at, data[at..end], WriteFlags.Compressed, output, cancellationToken);
            at = end;
        }
    }

    private Memory<byte> WithRest(Piece piece, int length, Memory<byte> buffer)
    {
        var whole = (int)WholeLength(piece);
        buffer.Span[length..whole].Clear();
        return buffer[..whole];
    }

    /// <summary>Where the target is longer than the sources, their last cluster is compressed with what follows.</summary>
    private long WholeLength(Piece piece)
    {
        if (!_options.Compress || piece.Offset + piece.Length < _row.Length)
            return piece.Length;
        var cluster = _options.ClusterSize;
        var whole = (piece.Length + cluster - 1) / cluster * cluster;
        return Math.Max(piece.Length, Math.Min(whole, _target.Length - piece.Offset));
    }

    private bool IsHole(Memory<byte> data, int cluster) =>
        _options.Sparse
            && !data.Span.Slice(cluster, (int)Math.Min(_options.ClusterSize, data.Length - cluster)).ContainsAnyExcept((byte)0);

    private async ValueTask FillAsync(Piece piece, Memory<byte> buffer, IBlockQueue output, CancellationToken cancellationToken)
    {
        buffer.Span.Clear();
        var flags = _options.Compress ? WriteFlags.Compressed : WriteFlags.None;
        var length = WholeLength(piece);
        for (var at = 0L; at < length;)
        {
            var run = (int)Math.Min(buffer.Length, length - at);
            await PutAsync(piece.Offset + at, buffer[..run], flags, output, cancellationToken);
            at += run;
        }
    }

    private async ValueTask ZeroAsync(long offset, long length, IBlockQueue output, CancellationToken cancellationToken)
    {
        if (!_options.TargetReadsZero)
            Check(offset, await output.WriteZeroesAsync(offset, length, ZeroFlags.MayUnmap, cancellationToken));
    }

    private async ValueTask PutAsync(
        long offset, Memory<byte> data, WriteFlags flags, IBlockQueue output, CancellationToken cancellationToken)
    {
        // A target that is no whole number of sectors ends within the last one.
        data = data[..(int)Math.Clamp(_target.Length - offset, 0, data.Length)];
        await _rate.WaitAsync(data.Length, cancellationToken);
        Check(offset, await output.WriteAsync(offset, data, flags, cancellationToken));
    }

    private static void Check(long offset, IoStatus status)
    {
        if (!status.IsOk)
            throw new ToolException($"error while writing at byte {offset}: {ImageErrors.Text(status.Errno)}");
    }

    /// <param name="Written">Set when the piece is in the target; null where nobody waits for it.</param>
    private sealed record Turn(Piece Piece, Task Before, TaskCompletionSource? Written);
}
