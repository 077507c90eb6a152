// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using BlockHost.Block;
using BlockHost.Plugins.Block.Archipelago.Segments;

namespace BlockHost.Plugins.Block.Archipelago.Client;

/// <summary>
/// The thread that works in the segment: it may have to wait for locks that peers hold, and nobody else waits with it.
/// <code>
///   callers ─► waiting ─► submitted to a peer ─► its reply came: done
///                 └──────────────┴── given up: the memory is free when the reply comes
/// </code>
/// </summary>
internal sealed class PortThread : IAsyncDisposable
{
    /// <summary>A signal may be lost; then a reply waits no longer than this.</summary>
    private const int LookEvery = 100;

    private readonly SharedSegment _segment;
    private readonly PeerSignals _signals;
    private readonly OwnPort _port;
    private readonly RequestMaker _requests;
    private readonly ConcurrentQueue<Exchange> _waiting = new();
    private readonly Dictionary<long, Exchange> _submitted = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _stopping;

    /// <summary>Owns all that it is given.</summary>
    internal PortThread(SharedSegment segment, PeerSignals signals, OwnPort port, byte[] volume, CancellationToken ended)
    {
        (_segment, _signals, _port) = (segment, signals, port);
        _requests = new RequestMaker(segment, port, volume, ended);
        PluginThread.Start("blockhost-archipelago", Run);
    }

    internal void Enqueue(Exchange exchange)
    {
        _waiting.Enqueue(exchange);
        _signals.WakeSelf();
    }

    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        _signals.WakeSelf();
        await _ended.Task.ConfigureAwait(false);
        _signals.Dispose();
        _segment.Dispose();
    }

    private void Run()
    {
        while (!_stopping)
        {
            try
            {
                SubmitAll();
                ReceiveAll();
            }
            catch (Exception e)
            {
                // The segment cannot be used as it is: whoever waits for it fails, and what comes tries anew. Nobody else
                // would catch it on this thread.
                FailAll(e);
            }

            if (!_stopping && _waiting.IsEmpty)
                _signals.Wait(_submitted.Count > 0 ? LookEvery : Timeout.Infinite);
        }

        FailAll(new BlockException(BlockErrorKind.ShuttingDown, "The node is closed"));
        _port.Dispose();
        _ended.SetResult();
    }

    private void SubmitAll()
    {
        while (_waiting.TryDequeue(out var exchange))
        {
            try
            {
                if (_requests.TryMake(exchange) is not { } request)
                    continue;
                _submitted[request] = exchange;
                Submit(request);
            }
            catch (Exception e)
            {
                exchange.Fail(e);
            }
        }
    }

    private void Submit(long request)
    {
        try
        {
            _port.Submit(request);
        }
        catch
        {
            _submitted.Remove(request);
            _requests.Free(request);
            throw;
        }
    }

    private void ReceiveAll()
    {
        while (_port.TryReceive(out var request))
        {
            // What a former owner of the port has asked for is nobody's now.
            if (!_submitted.Remove(request, out var exchange))
                continue;
            try
            {
                _requests.Finish(request, exchange);
            }
            catch (Exception e)
            {
                exchange.Fail(e);
            }

            _requests.Free(request);
        }
    }

    /// <summary>What the peers have stays theirs, and is known until their replies come.</summary>
    private void FailAll(Exception reason)
    {
        while (_waiting.TryDequeue(out var exchange))
            exchange.Fail(reason);
        foreach (var exchange in _submitted.Values)
            exchange.Fail(reason);
    }
}
