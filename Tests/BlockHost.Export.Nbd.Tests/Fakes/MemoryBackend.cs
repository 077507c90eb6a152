// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using Moq;

namespace BlockHost.Export.Nbd.Tests.Fakes;

/// <summary>A node in memory. Its requests complete at once, or when the test lets them.</summary>
internal sealed class MemoryBackend : IBlockBackend, IBlockQueue
{
    private readonly ConcurrentQueue<TaskCompletionSource> _held = new();

    public MemoryBackend(int length, string nodeName = "disk")
    {
        Data = new byte[length];
        Profile = new BlockProfile { Length = length, Writable = true, Flush = Support.Native, Status = Support.Native };
        Node = Mock.Of<IGraphNode>(n => n.Name == nodeName);
    }

    public event Action<IBlockBackend>? Resized;

    public byte[] Data { get; private set; }

    /// <summary>Requests wait for <see cref="Release"/>, which completes them on a thread of the pool.</summary>
    public bool Hold { get; set; }

    /// <summary>What every request answers.</summary>
    public IoStatus Answer { get; set; }

    /// <summary>Bytes from here on read as a hole.</summary>
    public long HoleFrom { get; set; } = long.MaxValue;

    /// <summary>Called with the offset of each read, before it is done.</summary>
    public Action<long>? OnRead { get; init; }

    public ConcurrentQueue<string> Log { get; } = new();

    public int Reads;

    public int OpenQueues;

    public string? Name => null;

    public IGraphNode Node { get; }

    public IGraphEdge Edge => Mock.Of<IGraphEdge>();

    public bool WriteThrough => false;

    public BlockProfile Profile { get; set; }

    public long Length => Data.Length;

    public BlockStats Stats { get; } = new();

    /// <summary>Requests that wait.</summary>
    public int Held => _held.Count;

    public IBlockQueue OpenQueue()
    {
        Interlocked.Increment(ref OpenQueues);
        return this;
    }

    public void Resize(int length)
    {
        var data = new byte[length];
        Data.AsSpan(0, Math.Min(length, Data.Length)).CopyTo(data);
        Data = data;
        Resized?.Invoke(this);
    }

    public async Task WaitHeldAsync(int count)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (Held < count)
            await Task.Delay(1, limit.Token);
    }

    public void Release(bool newestFirst = false)
    {
        var all = new List<TaskCompletionSource>();
        while (_held.TryDequeue(out var one))
            all.Add(one);
        if (newestFirst)
            all.Reverse();
        foreach (var one in all)
            one.SetResult();
    }

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken) => default;

    public ValueTask ChangePermissionsAsync(BlockPermissionSet permissions, CancellationToken cancellationToken) => default;

    public ValueTask<IoStatus> ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref Reads);
        OnRead?.Invoke(offset);
        if (flags != ReadFlags.None)
            Log.Enqueue($"read {offset}+{target.Length} {flags}");
        return Hold ? HeldReadAsync(offset, target) : ReadNow(offset, target);
    }

    public ValueTask<IoStatus> WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        if (flags != WriteFlags.None)
            Log.Enqueue($"write {offset}+{source.Length} {flags}");
        return Hold ? HeldWriteAsync(offset, source) : WriteNow(offset, source);
    }

    public ValueTask<IoStatus> WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        Log.Enqueue($"zero {offset}+{bytes} {flags}");
        Data.AsSpan((int)offset, (int)bytes).Clear();
        return new(Answer);
    }

    public ValueTask<IoStatus> DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        Log.Enqueue($"discard {offset}+{bytes}");
        return new(Answer);
    }

    public ValueTask<IoStatus> FlushAsync(CancellationToken cancellationToken)
    {
        Log.Enqueue("flush");
        return Hold ? HeldAsync(() => { }) : new(Answer);
    }

    public ValueTask<ChainStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        if (!Answer.IsOk)
            return new(new ChainStatus(Answer, 0, BlockStatusFlags.None, 0, 0, null));
        return offset < HoleFrom
            ? new(new ChainStatus(
                IoStatus.Ok,
                Math.Min(bytes, HoleFrom - offset),
                BlockStatusFlags.Data | BlockStatusFlags.Allocated,
                0,
                0,
                null))
            : new(new ChainStatus(IoStatus.Ok, bytes, BlockStatusFlags.Zero, 1, 0, null));
    }

    public ValueTask DisposeAsync()
    {
        Interlocked.Decrement(ref OpenQueues);
        return default;
    }

    private ValueTask<IoStatus> ReadNow(long offset, IoSlice target)
    {
        if (Answer.IsOk)
            target.CopyFrom(Data.AsSpan((int)offset, (int)target.Length));
        return new(Answer);
    }

    private ValueTask<IoStatus> WriteNow(long offset, IoSlice source)
    {
        if (Answer.IsOk)
            source.CopyTo(Data.AsSpan((int)offset));
        return new(Answer);
    }

    private ValueTask<IoStatus> HeldWriteAsync(long offset, IoSlice source) =>
        HeldAsync(() => source.CopyTo(Data.AsSpan((int)offset)));

    private ValueTask<IoStatus> HeldReadAsync(long offset, IoSlice target) =>
        HeldAsync(() => target.CopyFrom(Data.AsSpan((int)offset, (int)target.Length)));

    private async ValueTask<IoStatus> HeldAsync(Action action)
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _held.Enqueue(gate);
        await gate.Task;
        if (Answer.IsOk)
            action();
        return Answer;
    }
}
