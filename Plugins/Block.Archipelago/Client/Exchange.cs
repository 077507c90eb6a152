// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Archipelago.Client;

/// <summary>
/// A request and its reply. Whoever asked may give up at any time: from then on the buffers are not touched any more, while
/// the request itself stays the peer's until its reply comes.
/// </summary>
internal sealed class Exchange(uint port, Segments.VolumeOperation operation, long offset, int size)
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _buffers = new();
    private bool _isOver;

    internal uint Port => port;

    internal Segments.VolumeOperation Operation => operation;

    internal long Offset => offset;

    /// <summary>Bytes of data that the request has room for.</summary>
    internal int Size => size;

    /// <summary>What is written.</summary>
    internal IoSlice Source { get; init; }

    /// <summary>Where goes what was read.</summary>
    internal IoSlice Target { get; init; }

    internal Task Task => _done.Task;

    internal bool TryCopyOut(Span<byte> data)
    {
        lock (_buffers)
        {
            if (!_isOver)
                Source.CopyTo(data);
            return !_isOver;
        }
    }

    internal void Succeed(ReadOnlySpan<byte> data)
    {
        lock (_buffers)
        {
            if (_isOver)
                return;
            _isOver = true;
            if (Target.Length > 0)
                Target.CopyFrom(data);
        }

        _done.TrySetResult();
    }

    /// <summary>Whoever asked waits no longer.</summary>
    internal void GiveUp()
    {
        lock (_buffers)
            _isOver = true;
        _done.TrySetCanceled();
    }

    internal void Fail(Exception reason)
    {
        lock (_buffers)
            _isOver = true;
        _done.TrySetException(reason);
    }
}
