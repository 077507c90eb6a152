// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Threading.Channels;
using BlockHost.Core.Descriptors;
using BlockHost.Core.Json;
using BlockHost.Core.Memory;
using BlockHost.Core.Qmp.Commands;
using BlockHost.Core.Qmp.Output;
using BlockHost.Qmp;

namespace BlockHost.Core.Qmp.Sessions;

/// <summary>
/// One client on one transport, from greeting to end of stream.
/// <code>
///                                 ┌─ in band ─► queue of 8 ─► one at a time ─┐
///   bytes ─► messages ─► request ─┤                                          ├─► output ─► bytes
///                                 └─ out of band ─► at once ─────────────────┘     ▲
///                                                                            events
/// </code>
/// Until a client enables out-of-band execution, its next request is not even looked at before the last is answered. From then
/// on a thread of its own reads: such a client is heard when no thread of the pool is free.
/// </summary>
internal sealed partial class MonitorSession : IAsyncDisposable
{
    private const int ReadLength = 8 * 1024;
    private const int InBandQueueLength = 8;

    private readonly MonitorServices _services;
    private readonly Stream _stream;
    private readonly MonitorOutput _output;
    private readonly RequestRunner _inBand;
    private readonly RequestRunner _outOfBand;
    private readonly MonitorCall _inBandCall;
    private readonly MonitorCall _outOfBandCall;
    private readonly JsonMessageReader _reader;
    private readonly CancellationTokenSource _stopReading = new();
    private Channel<QmpRequest>? _queue;
    private Task _queueRunner = Task.CompletedTask;
    private Task _lastOutOfBand = Task.CompletedTask;
    private volatile bool _negotiated;
    private ReceivedDescriptors? _received;

    public MonitorSession(MonitorServices services, string monitorId, Stream stream, bool pretty)
    {
        _services = services;
        MonitorId = monitorId;
        Pretty = pretty;
        _stream = stream;
        _output = new MonitorOutput(stream, services.Limits.OutputBytes) { Broken = StopReading };
        _inBand = new RequestRunner(services, _output, pretty);
        _outOfBand = new RequestRunner(services, _output, pretty);
        _inBandCall = new MonitorCall(this, services.Host, outOfBand: false);
        _outOfBandCall = new MonitorCall(this, services.Host, outOfBand: true);
        _reader = new JsonMessageReader(services.Limits.MessageBytes, services.InputBudget);
    }

    public string MonitorId { get; }

    private bool Pretty { get; }

    private bool OutOfBandEnabled => _queue is not null;

    /// <summary>Serves until the client ends the stream or <see cref="StopReading"/> is called.</summary>
    /// <param name="cancellationToken">Interrupts commands; for the host's end.</param>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var registration = _services.Events.Add(this);
        using var user = _services.Descriptors?.Sets.Connected();
        try
        {
            await SendGreetingAsync().ConfigureAwait(false);
            await ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
            when (e is IOException or ObjectDisposedException or OperationCanceledException or System.Net.Sockets.SocketException)
        {
            // The client has gone, or is to go: what it has asked for is still done.
        }

        await _taking.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        _queue?.Writer.Complete();
        _taking.Release();
        await _queueRunner.ConfigureAwait(false);
        await _lastOutOfBand.ConfigureAwait(false);
        await _output.FlushAsync().WaitAsync(_services.Limits.FlushTime, _services.Clock, CancellationToken.None)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Takes no more requests; those already taken are answered.</summary>
    public void StopReading() => _ = _stopReading.CancelAsync();

    /// <summary>
    /// Descriptors that came with a request which did not want them are the next one's, unless newer ones have come.
    /// </summary>
    public void TakeBack(ReceivedDescriptors? received)
    {
        if (received is { IsTaken: false } && Interlocked.CompareExchange(ref _received, received, null) is not null)
            received.Dispose();
    }

    /// <summary>Passes an event on where the client has negotiated; never waits.</summary>
    public void Post(EventMessage message)
    {
        if (_negotiated)
            _output.Post(message.Utf8(Pretty));
    }

    /// <summary>Handler of qmp_capabilities.</summary>
    public void Negotiate(bool outOfBand)
    {
        if (_negotiated)
            throw new QmpException(
                QmpErrorClass.CommandNotFound, "Capabilities negotiation is already complete, command ignored");
        if (outOfBand)
        {
            _queue = Channel.CreateBounded<QmpRequest>(
                new BoundedChannelOptions(InBandQueueLength) { SingleReader = true, SingleWriter = true });
            _queueRunner = RunQueueAsync(_queue.Reader);
        }

        _negotiated = true;
    }

    public void RefuseBeforeNegotiation(string command)
    {
        if (!_negotiated && command != MonitorCommands.Negotiation)
            throw new QmpException(
                QmpErrorClass.CommandNotFound, $"Expecting capabilities negotiation with '{MonitorCommands.Negotiation}'");
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync().ConfigureAwait(false);
        _output.Dispose();
        _inBand.Dispose();
        _outOfBand.Dispose();
        _reader.Dispose();
        _stopReading.Dispose();
        _taking.Dispose();
        _received?.Dispose();
    }

    /// <summary>Newer descriptors take the place of those that no request has wanted.</summary>
    private void NoteReceived()
    {
        if ((_stream as IReceivesDescriptors)?.TakeReceived() is { } received)
            Interlocked.Exchange(ref _received, received)?.Dispose();
    }

    private ValueTask SendGreetingAsync()
    {
        using var message = new MessageWriter(Pretty);
        QmpGreeting.Write(message.Json);
        return _output.SendAsync(message.Finish().Span);
    }

    private async ValueTask ReadAsync(CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ReadLength);
        try
        {
            while (await _stream.ReadAsync(buffer, _stopReading.Token).ConfigureAwait(false) is var length and > 0)
            {
                NoteReceived();
                // The rest of what came with the request that enables it is taken here, too.
                for (var position = 0; position < length && !_stopReading.IsCancellationRequested;)
                {
                    var status = _reader.Read(buffer.AsSpan(position, length - position), out var consumed);
                    position += consumed;
                    if (status != JsonReadStatus.NeedMore)
                        await TakeAsync(status, cancellationToken).ConfigureAwait(false);
                }

                if (!OutOfBandEnabled)
                    continue;
                await ReadOnThreadAsync(cancellationToken).ConfigureAwait(false);
                return;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async ValueTask TakeAsync(JsonReadStatus status, CancellationToken cancellationToken)
    {
        var request = _reader.Length < IdleCollection.Large
            ? TakeRequest(status)
            : await PassingThread.RunAsync(() => TakeRequest(status)).ConfigureAwait(false);
        if (request.OutOfBand)
            await RunOutOfBandAsync(request, cancellationToken).ConfigureAwait(false);
        else if (_queue is { } queue)
            await queue.Writer.WriteAsync(request, _stopReading.Token).ConfigureAwait(false);
        else
            await _inBand.RunAsync(_inBandCall, request, cancellationToken).ConfigureAwait(false);
    }

    private QmpRequest TakeRequest(JsonReadStatus status)
    {
        var request = status == JsonReadStatus.Error
            ? QmpRequest.Invalid(_reader.Error)
            : QmpRequest.Parse(_reader.Take(), OutOfBandEnabled);
        request.Received = Interlocked.Exchange(ref _received, null);
        return request;
    }

    /// <summary>Such commands do not block; should one do so all the same, the next waits for it.</summary>
    private async ValueTask RunOutOfBandAsync(QmpRequest request, CancellationToken cancellationToken)
    {
        await _lastOutOfBand.ConfigureAwait(false);
        _lastOutOfBand = _outOfBand.RunAsync(_outOfBandCall, request, cancellationToken).AsTask();
    }

    private async Task RunQueueAsync(ChannelReader<QmpRequest> requests)
    {
        await foreach (var request in requests.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            await _inBand.RunAsync(_inBandCall, request, _services.Stopping).ConfigureAwait(false);
    }
}
