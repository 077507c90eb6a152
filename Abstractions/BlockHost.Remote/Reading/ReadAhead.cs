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

    /// <summary>What lies in one chunk that is there already is copied at once, without an allocation.</summary>
    public ValueTask ReadAsync(long offset, IoSlice target, CancellationToken cancellationToken)
    {
        Advance(offset, target.Length);
        if (TryTakeLoaded(offset, target.Length) is { } chunk)
        {
            Copy(chunk, offset, target);
            Leave(chunk, offset + target.Length);
            return default;
        }

        var chunks = TakeAll(offset, target.Length);
        return chunks.Count == 0
            ? LargeReads.ReadAsync(_below, offset, target, cancellationToken)
            : ReadPartsAsync(chunks, offset, target, cancellationToken);
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

    /// <summary>Begins to fetch what the reader at this place is going to ask for.</summary>
    private void Advance(long offset, long length)
    {
        List<Chunk>? begun = null;
        CancellationToken ownWork;
        lock (_lock)
        {
            ownWork = _ownWork.Token;
            var window = _isQuiet ? 0 : _streams.Note(offset, length);
            if (window > 0)
                begun = Begin(offset, length, window);
        }

        if (begun is null)
            return;
        foreach (var chunk in begun)
            Load(chunk, ownWork);
    }

    /// <returns>The chunk that has the whole range, loaded, with one more user; or null.</returns>
    private Chunk? TryTakeLoaded(long offset, long length)
    {
        lock (_lock)
        {
            var isThere = _chunks.TryGetValue(offset - (offset % _chunkSize), out var chunk);
            if (!isThere || !chunk!.HasData || offset + length > chunk.End)
                return null;
            Take(chunk);
            return chunk;
        }
    }

    /// <returns>The chunks that have parts of the range, in order, each with one more user.</returns>
    private List<Chunk> TakeAll(long offset, long length)
    {
        List<Chunk> found = [];
        lock (_lock)
        {
            for (var start = offset - (offset % _chunkSize); _chunks.Count > 0 && start < offset + length; start += _chunkSize)
            {
                if (_chunks.TryGetValue(start, out var chunk))
                {
                    Take(chunk);
                    found.Add(chunk);
                }
            }
        }

        return found;
    }

    private void Take(Chunk chunk) => (chunk.Users, chunk.LastUse) = (chunk.Users + 1, ++_time);

    /// <summary>Small requests live on chunks; of large ones only what comes behind them is read ahead.</summary>
    private List<Chunk>? Begin(long offset, long length, long window)
    {
        List<Chunk>? begun = null;
        var idle = _below.Idle;
        var isLarge = length >= _chunkSize;
        var end = Math.Min(offset + length + window, Length);
        for (var start = offset - (offset % _chunkSize); start < end; start += _chunkSize)
        {
            var isAsked = start < offset + length;
            if (_chunks.ContainsKey(start) || (isAsked && isLarge))
                continue;
            if ((!isAsked && idle <= 0) || !TryMakeRoom())
                break;
            idle--;
            var chunk = new Chunk(start, (int)Math.Min(_chunkSize, Length - start), _host.Buffers.Rent(_chunkSize))
            { Users = 1, LastUse = ++_time };
            _chunks.Add(start, chunk);
            (begun ??= []).Add(chunk);
        }

        return begun;
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

    private async ValueTask ReadPartsAsync(List<Chunk> chunks, long offset, IoSlice target, CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAll(Parts(chunks, offset, target, cancellationToken)).ConfigureAwait(false);
        }
        finally
        {
            foreach (var chunk in chunks)
                Leave(chunk, offset + target.Length);
        }
    }

    private List<Task> Parts(List<Chunk> chunks, long offset, IoSlice target, CancellationToken cancellationToken)
    {
        var parts = new List<Task>(chunks.Count + 1);
        var (at, end) = (offset, offset + target.Length);
        foreach (var chunk in chunks)
        {
            if (at < chunk.Start)
            {
                var gap = target.Slice(at - offset, chunk.Start - at);
                parts.Add(LargeReads.ReadAsync(_below, at, gap, cancellationToken).AsTask());
            }

            at = Math.Max(at, chunk.Start);
            var bytes = Math.Min(end, chunk.End) - at;
            parts.Add(CopyAsync(chunk, at, target.Slice(at - offset, bytes), cancellationToken));
            at += bytes;
        }

        if (at < end)
            parts.Add(LargeReads.ReadAsync(_below, at, target.Slice(at - offset), cancellationToken).AsTask());
        return parts;
    }

    private async Task CopyAsync(Chunk chunk, long offset, IoSlice target, CancellationToken cancellationToken)
    {
        if (await chunk.Loaded.WaitAsync(cancellationToken).ConfigureAwait(false))
            Copy(chunk, offset, target);
        else
            await _below.ReadAsync(offset, target, cancellationToken).ConfigureAwait(false);
    }

    private static void Copy(Chunk chunk, long offset, IoSlice target) =>
        target.CopyFrom(chunk.Data.Span.Slice((int)(offset - chunk.Start), (int)target.Length));

    /// <summary>What was read to its end is not wanted again.</summary>
    private void Leave(Chunk chunk, long end)
    {
        lock (_lock)
        {
            if (end >= chunk.End)
                Drop(chunk);
            Release(chunk);
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
