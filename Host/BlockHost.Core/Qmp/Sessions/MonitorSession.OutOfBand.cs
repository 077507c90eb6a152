// SPDX-License-Identifier: MIT
using System.Threading.Channels;
using BlockHost.Core.Json;
using BlockHost.Core.Memory;
using BlockHost.Plugins;

namespace BlockHost.Core.Qmp.Sessions;

/// <summary>
/// Reading on a thread of its own. Commands out of band do not block, so that they are run, and answered, right there; in-band
/// ones are put into their queue. None of it takes a thread of the pool, as those may all hang.
/// </summary>
internal sealed partial class MonitorSession
{
    /// <summary>Held while requests are taken. Whoever holds it knows that none is being taken.</summary>
    private readonly SemaphoreSlim _taking = new(1);

    /// <summary>
    /// Completes when the stream ends. Where the session is to stop, a thread that still reads stays behind until the stream is
    /// closed, and takes nothing more.
    /// </summary>
    private Task ReadOnThreadAsync(CancellationToken cancellationToken)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        PluginThread.Start("qmp-" + MonitorId, () =>
        {
            try
            {
                ReadOnThread(cancellationToken);
                ended.TrySetResult();
            }
            catch (Exception e)
            {
                ended.TrySetException(e);
                _ = ended.Task.Exception;
            }
        });
        return ended.Task.WaitAsync(_stopReading.Token);
    }

    private void ReadOnThread(CancellationToken cancellationToken)
    {
        var stop = _stopReading.Token;
        var buffer = new byte[ReadLength];
        while (_stream.Read(buffer) is var length and > 0)
        {
            _taking.Wait(stop);
            try
            {
                NoteReceived();
                for (var position = 0; position < length && !stop.IsCancellationRequested;)
                {
                    var status = _reader.Read(buffer.AsSpan(position, length - position), out var consumed);
                    position += consumed;
                    if (status != JsonReadStatus.NeedMore)
                        TakeOnThread(status, stop, cancellationToken);
                }
            }
            finally
            {
                _taking.Release();
            }
        }
    }

    private void TakeOnThread(JsonReadStatus status, CancellationToken stop, CancellationToken cancellationToken)
    {
        var request = _reader.Length < IdleCollection.Large
            ? TakeRequest(status)
            : PassingThread.RunAsync(() => TakeRequest(status)).GetAwaiter().GetResult();
        if (request.OutOfBand)
        {
            // One that has to wait, for its plugin or for a client that does not read, keeps the next from overtaking it.
            _lastOutOfBand.Wait(stop);
            _lastOutOfBand = _outOfBand.RunAsync(_outOfBandCall, request, cancellationToken).AsTask();
        }
        else if (!_queue!.Writer.TryWrite(request))
        {
            _queue.Writer.WriteAsync(request, stop).AsTask().GetAwaiter().GetResult();
        }
    }
}
