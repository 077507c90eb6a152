// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Posix;
using BlockHost.Posix.Loops;
using BlockHost.Virtio.InFlight;
using BlockHost.Virtio.Memory;
using Microsoft.Extensions.Logging;

namespace BlockHost.Virtio.VhostUser;

/// <summary>
/// One front-end, from its connection to its end. Its messages come one after another and each is carried out before the next is
/// read; rings work beside them, on their loops. At the end nothing of the front-end is left: every request has been carried out,
/// and nothing of its memory is mapped.
/// </summary>
internal sealed partial class VhostUserSession
{
    private const ProtocolFeatures Offered = ProtocolFeatures.MultiQueue | ProtocolFeatures.LogSharedMemory
        | ProtocolFeatures.ReplyAck | ProtocolFeatures.BackendRequests | ProtocolFeatures.Config
        | ProtocolFeatures.InFlightSharedMemory | ProtocolFeatures.ResetDevice | ProtocolFeatures.ConfigureMemorySlots
        | ProtocolFeatures.Status;

    private readonly VhostUserSocket _socket;
    private readonly VhostUserDevice _device;
    private readonly ILogger _log;
    private readonly Vring[] _rings;
    private readonly Lock _backend = new();
    private GuestMemory _memory = GuestMemory.Empty();
    private InFlightBuffer? _inFlight;
    private DirtyLog? _dirty;
    private VirtioFeatures _features;
    private ProtocolFeatures _protocol;
    private int _backendSocket = EventDescriptor.None;
    private ulong _status;

    /// <param name="loopOf">Where the ring of that number works.</param>
    public VhostUserSession(Socket socket, VhostUserDevice device, Func<int, EventLoop> loopOf, ILogger log)
    {
        (_socket, _device, _log) = (new VhostUserSocket(socket), device, log);
        _rings = new Vring[device.QueueCount];
        for (var i = 0; i < _rings.Length; i++)
            _rings[i] = new Vring(i, device, loopOf(i), log);
    }

    /// <summary>Serves until the front-end goes, or this is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        _device.ConfigChanged += TellConfigChange;
        try
        {
            while (await _socket.ReceiveAsync(cancellationToken).ConfigureAwait(false) is { } message)
            {
                using (message)
                    await AnswerAsync(message).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The export ends.
        }
        catch (SocketException)
        {
            // The front-end has gone in the middle of something.
        }
        catch (VhostUserException e)
        {
            _log.FrontEndDropped(e.Message);
        }
        catch (Exception e)
        {
            _log.ConnectionFailed(e);
        }
        finally
        {
            _device.ConfigChanged -= TellConfigChange;
            await EndAsync().ConfigureAwait(false);
        }
    }

    private async ValueTask AnswerAsync(VhostUserMessage message)
    {
        var acknowledge = message.NeedsReply && (_protocol & ProtocolFeatures.ReplyAck) != 0;
        try
        {
            if (await HandleAsync(message).ConfigureAwait(false) || !acknowledge)
                return;
            Reply(message, 0);
        }
        catch (VhostUserException e) when (acknowledge && !HasReply(message.Request))
        {
            _log.MessageRefused(e.Message);
            Reply(message, 1);
        }
    }

    private static bool HasReply(FrontEndRequest request) => request is FrontEndRequest.GetFeatures
        or FrontEndRequest.GetProtocolFeatures or FrontEndRequest.GetQueueNum or FrontEndRequest.GetVringBase
        or FrontEndRequest.GetConfig or FrontEndRequest.GetInflightFd or FrontEndRequest.GetMaxMemSlots
        or FrontEndRequest.GetStatus or FrontEndRequest.SetLogBase;

    private void Reply(VhostUserMessage message, ulong value) =>
        _socket.Reply(message.Request, BitConverter.GetBytes(value));

    /// <summary>From any thread; a front-end that does not read hears of it with its next look at the configuration.</summary>
    private void TellConfigChange()
    {
        const ProtocolFeatures Needed = ProtocolFeatures.Config | ProtocolFeatures.BackendRequests;
        lock (_backend)
        {
            if (_backendSocket < 0 || (_protocol & Needed) != Needed)
                return;
            try
            {
                VhostUserSocket.Send(_backendSocket, (uint)BackEndRequest.ConfigChange, MessageFlags.Version, []);
            }
            catch (VhostUserException e)
            {
                _log.MessageRefused(e.Message);
            }
        }
    }

    private async Task EndAsync()
    {
        await Task.WhenAll(_rings.Select(ring => ring.StopAsync())).ConfigureAwait(false);
        await Task.WhenAll(_rings.Select(ring => ring.CloseAsync())).ConfigureAwait(false);
        _memory.Release();
        _inFlight?.Dispose();
        _dirty?.Dispose();
        _device.Reset();
        _socket.Dispose();
        lock (_backend)
            EventDescriptor.Close(ref _backendSocket);
    }
}
