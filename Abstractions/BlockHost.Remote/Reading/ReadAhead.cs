// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins;
using BlockHost.Remote.Transfers;

namespace BlockHost.Remote.Reading;

/// <summary>
/// Has what sequential readers ask for next there before they ask, in chunks that are fetched while connections are idle:
/// <code>
///   asked for        ├──────┤
///   chunks     ├──────────┼──────────┼──────────┤┄┄┄┄┄┄┄┄┄┄┄┤
///                 waited for     ahead: the window, which doubles
/// </code>
/// Requests that follow no other are fetched as they are. Large ones go straight to where they are wanted, over several
/// connections where those are idle.
/// </summary>
internal sealed class ReadAhead : IByteRange, IAsyncDisposable
{
    private const int MaxChunk = 1 << 20;
    private const long DefaultWindow = 8 << 20;
    private const long LargestWindow = 64 << 20;
    private const int SplitSize = 512 << 10;
    private const int MaxParts = 4;

    private readonly TransferRunner _below;
    private readonly IDriverHost _host;
    private readonly SequentialStreams _streams;
    private readonly int _chunkSize;
    private readonly int _maxChunks;
    private readonly Lock _lock = new();
    private readonly Dictionary<long, Chunk> _chunks = [];
    private readonly HashSet<Task> _loading = [];
    private CancellationTokenSource _ownWork = new();
    private bool _isQuiet;
    private long _time;

    /// <param name="window">Bytes that are read ahead at least; 0: none.</param>
    public ReadAhead(TransferRunner below, IDriverHost host, long window)
    {
        (_below, _host) = (below, host);
        window = Math.Min(window, LargestWindow);
        var largest = Math.Max(window, DefaultWindow);
        _chunkSize = (int)Math.Clamp(window, 4096, MaxChunk);
        _maxChunks = (int)(2 * largest / _chunkSize);
        _streams = new(window, largest, slack: _chunkSize);
    }

    public long Length => _below.Length;

    public async ValueTask ReadAsync(long offset, IoSlice target, CancellationToken cancellationToken)
    {
        var chunks = Plan(offset, target.Length);
        if (chunks.Count == 0)
        {
            await FetchAsync(offset, target, cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            await Task.WhenAll(Parts(chunks, offset, target, cancellationToken)).ConfigureAwait(false);
        }
        finally
        {
            Leave(chunks, offset + target.Length);
        }
    }

    /// <summary>Stops what is fetched for nobody yet, until <see cref="Resume"/>.</summary>
    public async Task QuietAsync()
    {
        Task[] loading;
        lock (_lock)
        {
            _isQuiet = true;
            loading = [.. _loading];
        }

        await _ownWork.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(loading).ConfigureAwait(false);
    }

    public void Resume()
    {
        lock (_lock)
        {
            _ownWork.Dispose();
            _ownWork = new();
            _isQuiet = false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await QuietAsync().ConfigureAwait(false);
        lock (_lock)
        {
            foreach (var chunk in _chunks.Values.ToArray())
                Drop(chunk);
            _ownWork.Dispose();
        }
    }

    /// <returns>The chunks that have parts of the range, in order, each with one more user.</returns>
    private List<Chunk> Plan(long offset, long length)
    {
        var (begun, found) = (new List<Chunk>(), new List<Chunk>());
        CancellationToken ownWork;
        lock (_lock)
        {
            ownWork = _ownWork.Token;
            var window = _isQuiet ? 0 : _streams.Note(offset, length);
            if (window > 0)
                Begin(offset, length, window, begun);
            for (var start = offset - (offset % _chunkSize); _chunks.Count > 0 && start < offset + length; start += _chunkSize)
            {
                if (_chunks.TryGetValue(start, out var chunk))
                {
                    (chunk.Users, chunk.LastUse) = (chunk.Users + 1, ++_time);
                    found.Add(chunk);
                }
            }
        }

        foreach (var chunk in begun)
            Load(chunk, ownWork);
        return found;
    }

    /// <summary>Small requests live on chunks; of large ones only what comes behind them is read ahead.</summary>
    private void Begin(long offset, long length, long window, List<Chunk> begun)
    {
        var idle = _below.Idle;
        var isLarge = length >= _chunkSize;
        var end = Math.Min(offset + length + window, Length);
        for (var start = offset - (offset % _chunkSize); start < end; start += _chunkSize)
        {
            var isAsked = start < offset + length;
            if (_chunks.ContainsKey(start) || (isAsked && isLarge))
                continue;
            if ((!isAsked && idle <= 0) || !TryMakeRoom())
                return;
            idle--;
            var chunk = new Chunk(start, (int)Math.Min(_chunkSize, Length - start), _host.Buffers.Rent(_chunkSize))
            { Users = 1, LastUse = ++_time };
            _chunks.Add(start, chunk);
            begun.Add(chunk);
        }
    }

    private bool TryMakeRoom()
    {
        if (_chunks.Count >= _maxChunks)
        {
            var oldest = _chunks.Values.Where(chunk => chunk.Users == 0).MinBy(chunk => chunk.LastUse);
            if (oldest is null)
                return false;
            Drop(oldest);
        }

        return _host.Memory.TryTake(_chunkSize);
    }

    private void Load(Chunk chunk, CancellationToken ownWork)
    {
        var loading = LoadAsync(chunk, ownWork);
        lock (_lock)
        {
            if (!loading.IsCompleted)
                _loading.Add(loading);
        }

        _ = ForgetAsync(loading);
    }

    private async Task ForgetAsync(Task loading)
    {
        await loading.ConfigureAwait(false);
        lock (_lock)
            _loading.Remove(loading);
    }

    private async Task LoadAsync(Chunk chunk, CancellationToken ownWork)
    {
        var loaded = false;
        try
        {
            loaded = await _below.TryReadAsync(chunk.Start, chunk.Data, ownWork).ConfigureAwait(false);
        }
        catch (Exception e) when (e is BlockException or OperationCanceledException)
        {
            // Yanked, closed or quiet: who waits for it sees for himself.
        }
        finally
        {
            Loaded(chunk, loaded);
        }
    }

    private void Loaded(Chunk chunk, bool loaded)
    {
        lock (_lock)
        {
            if (!loaded)
                Drop(chunk);
            Release(chunk);
        }

        chunk.Complete(loaded);
    }

    private List<Task> Parts(List<Chunk> chunks, long offset, IoSlice target, CancellationToken cancellationToken)
    {
        var parts = new List<Task>(chunks.Count + 1);
        var (at, end) = (offset, offset + target.Length);
        foreach (var chunk in chunks)
        {
            if (at < chunk.Start)
                parts.Add(FetchAsync(at, target.Slice(at - offset, chunk.Start - at), cancellationToken).AsTask());
            at = Math.Max(at, chunk.Start);
            var bytes = Math.Min(end, chunk.End) - at;
            parts.Add(CopyAsync(chunk, at, target.Slice(at - offset, bytes), cancellationToken));
            at += bytes;
        }

        if (at < end)
            parts.Add(FetchAsync(at, target.Slice(at - offset), cancellationToken).AsTask());
        return parts;
    }

    private async Task CopyAsync(Chunk chunk, long offset, IoSlice target, CancellationToken cancellationToken)
    {
        if (await chunk.Loaded.WaitAsync(cancellationToken).ConfigureAwait(false))
            target.CopyFrom(chunk.Data.Span.Slice((int)(offset - chunk.Start), (int)target.Length));
        else
            await _below.ReadAsync(offset, target, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask FetchAsync(long offset, IoSlice target, CancellationToken cancellationToken)
    {
        var count = (int)Math.Min(Math.Min(_below.Idle, MaxParts), target.Length / SplitSize);
        if (count < 2)
        {
            await _below.ReadAsync(offset, target, cancellationToken).ConfigureAwait(false);
            return;
        }

        var size = ((target.Length / count) + 4095) & ~4095L;
        var parts = new List<Task>(count);
        for (long at = 0; at < target.Length; at += size)
        {
            var part = target.Slice(at, Math.Min(size, target.Length - at));
            parts.Add(_below.ReadAsync(offset + at, part, cancellationToken).AsTask());
        }

        await Task.WhenAll(parts).ConfigureAwait(false);
    }

    /// <summary>What was read to its end is not wanted again.</summary>
    private void Leave(List<Chunk> chunks, long end)
    {
        lock (_lock)
        {
            foreach (var chunk in chunks)
            {
                if (end >= chunk.End)
                    Drop(chunk);
                Release(chunk);
            }
        }
    }

    private void Drop(Chunk chunk)
    {
        if (chunk.IsGone)
            return;
        chunk.IsGone = true;
        _chunks.Remove(chunk.Start);
        if (chunk.Users == 0)
            Free(chunk);
    }

    private void Release(Chunk chunk)
    {
        if (--chunk.Users == 0 && chunk.IsGone)
            Free(chunk);
    }

    private void Free(Chunk chunk)
    {
        chunk.Free();
        _host.Memory.GiveBack(_chunkSize);
    }
}
