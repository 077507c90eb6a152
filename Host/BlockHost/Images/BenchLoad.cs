// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;

namespace BlockHost.Images;

internal sealed record BenchOptions
{
    public required int Count { get; init; }

    /// <summary>Requests in flight.</summary>
    public required int Depth { get; init; }

    /// <summary>Of the first request; the following ones start a step apart, and over again at the image's end.</summary>
    public required long Offset { get; init; }

    public required long Size { get; init; }

    public required long Step { get; init; }

    public bool Writes { get; init; }

    public byte Pattern { get; init; }

    /// <summary>Requests between two flushes; 0: none.</summary>
    public int FlushInterval { get; init; }

    /// <summary>A flush waits for the requests before it, and those after it for the flush.</summary>
    public bool DrainOnFlush { get; init; } = true;
}

/// <summary>Sends so many like requests to an image.</summary>
internal sealed class BenchLoad(OpenImage image, BenchOptions options)
{
    // One buffer serves all: what reads leave in it is of no interest.
    private readonly byte[] _buffer = Filled(options.Size, options.Pattern);
    private int _started;

    /// <exception cref="ToolException">A request failed.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var drains = options is { FlushInterval: > 0, DrainOnFlush: true };
        for (var begin = 0; begin < options.Count;)
        {
            var end = drains ? (int)Math.Min(options.Count, (long)begin + options.FlushInterval) : options.Count;
            _started = begin;
            var workers = Enumerable.Range(
                0,
                Math.Min(options.Depth, end - begin)).Select(_ =>
                    Task.Run(() => WorkAsync(end, cancellationToken), cancellationToken));
            await Task.WhenAll(workers);
            if (drains)
                Check(await image.Queue.FlushAsync(cancellationToken));
            begin = end;
        }
    }

    private async Task WorkAsync(int end, CancellationToken cancellationToken)
    {
        var queue = image.Backend.OpenQueue();
        await using var queueEnd = queue;
        while (Interlocked.Increment(ref _started) is var number && number <= end)
        {
            var at = OffsetOf(number - 1);
            Check(options.Writes
                ? await queue.WriteAsync(at, _buffer, WriteFlags.None, cancellationToken)
                : await queue.ReadAsync(at, _buffer, cancellationToken: cancellationToken));
            if (!options.DrainOnFlush && options.FlushInterval > 0 && number % options.FlushInterval == 0)
                Check(await queue.FlushAsync(cancellationToken));
        }
    }

    private long OffsetOf(int index) => index == 0 || image.Length == 0
        ? options.Offset
        : (long)(((UInt128)options.Offset + ((UInt128)index * (UInt128)options.Step)) % (UInt128)image.Length);

    private static void Check(IoStatus status)
    {
        if (!status.IsOk)
            throw new ToolException($"Failed request: {ImageErrors.Text(status.Errno)}");
    }

    private static byte[] Filled(long size, byte pattern)
    {
        var buffer = GC.AllocateUninitializedArray<byte>((int)size, pinned: true);
        buffer.AsSpan().Fill(pattern);
        return buffer;
    }
}
