// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Posix;
using BlockHost.Virtio.InFlight;
using BlockHost.Virtio.Memory;
using BlockHost.Virtio.Rings;

namespace BlockHost.Virtio.VhostUser;

/// <summary>What each message does.</summary>
internal sealed partial class VhostUserSession
{
    private const int ConfigHeader = 12;

    /// <summary>True: it has been answered.</summary>
    /// <exception cref="VhostUserException">It cannot be done.</exception>
    private async ValueTask<bool> HandleAsync(VhostUserMessage message)
    {
        switch (message.Request)
        {
            case FrontEndRequest.GetFeatures:
                Reply(message, (ulong)_device.Features);
                return true;
            case FrontEndRequest.GetProtocolFeatures:
                Reply(message, (ulong)Offered);
                return true;
            case FrontEndRequest.GetQueueNum:
                Reply(message, (ulong)_rings.Length);
                return true;
            case FrontEndRequest.GetMaxMemSlots:
                Reply(message, GuestMemory.MaxRegions);
                return true;
            case FrontEndRequest.GetStatus:
                Reply(message, _status);
                return true;
            case FrontEndRequest.GetConfig:
                ReplyConfig(message);
                return true;
            case FrontEndRequest.GetInflightFd:
                ReplyInFlight(message);
                return true;
            case FrontEndRequest.GetVringBase:
                await ReplyBaseAsync(message).ConfigureAwait(false);
                return true;
            case FrontEndRequest.SetLogBase:
                await SetLogAsync(message).ConfigureAwait(false);
                return true;
            default:
                await ChangeAsync(message).ConfigureAwait(false);
                return false;
        }
    }

    private ValueTask ChangeAsync(VhostUserMessage message) => message.Request switch
    {
        FrontEndRequest.SetOwner or FrontEndRequest.SetLogFd => default,
        FrontEndRequest.SetFeatures => new(AcceptAsync((VirtioFeatures)message.UInt64())),
        FrontEndRequest.SetProtocolFeatures => AcceptProtocol((ProtocolFeatures)message.UInt64()),
        FrontEndRequest.ResetOwner or FrontEndRequest.ResetDevice => new(ResetAsync()),
        FrontEndRequest.SetStatus => SetStatusAsync(message.UInt64()),
        FrontEndRequest.SetMemTable => new(ReplaceMemoryAsync(GuestMemory.Map(message.Regions(), message.Descriptors))),
        FrontEndRequest.AddMemReg => new(AddRegionAsync(message)),
        FrontEndRequest.RemMemReg => new(ReplaceMemoryAsync(_memory.Without(message.SingleRegion()))),
        FrontEndRequest.SetBackendReqFd => SetBackendSocket(message.TakeDescriptor()),
        FrontEndRequest.SetConfig => WriteConfig(message),
        FrontEndRequest.SetInflightFd => new(SetInFlightAsync(message)),
        _ => new(ChangeRingAsync(message)),
    };

    private Task ChangeRingAsync(VhostUserMessage message)
    {
        switch (message.Request)
        {
            case FrontEndRequest.SetVringAddr:
                var (at, flags, descriptors, used, available, log) = message.VringAddress();
                var addresses = new RingAddresses(descriptors, available, used, (flags & 1) != 0 ? log : null);
                return Ring(at).RunAsync(ring => ring.SetAddresses(addresses));
            case FrontEndRequest.SetVringNum:
                var (sized, size) = message.VringState();
                return Ring(sized).RunAsync(ring => ring.SetSize(size));
            case FrontEndRequest.SetVringBase:
                var (based, number) = message.VringState();
                return Ring(based).RunAsync(ring => ring.SetBase(number));
            case FrontEndRequest.SetVringEnable:
                var (enabled, on) = message.VringState();
                return Ring(enabled).RunAsync(ring => ring.SetEnabled(on != 0));
            case FrontEndRequest.SetVringKick:
                return GiveAsync(message, static (ring, descriptor) => ring.SetKick(descriptor));
            case FrontEndRequest.SetVringCall:
                return GiveAsync(message, static (ring, descriptor) => ring.SetCall(descriptor));
            case FrontEndRequest.SetVringErr:
                return GiveAsync(message, static (ring, descriptor) => ring.SetError(descriptor));
            default:
                throw new VhostUserException($"request {(uint)message.Request}, which there is none of");
        }
    }

    /// <summary>The ring is looked for first: a descriptor that was taken needs an owner.</summary>
    private Task GiveAsync(VhostUserMessage message, Action<Vring, int> give)
    {
        var target = Ring((uint)(message.UInt64() & 0xFF));
        var (_, descriptor) = message.VringDescriptor();
        return target.RunAsync(ring => give(ring, descriptor));
    }

    private Vring Ring(uint index) => index < _rings.Length
        ? _rings[index]
        : throw new VhostUserException($"ring {index} of {_rings.Length}");

    private async Task ForAllAsync(Action<Vring> step)
    {
        foreach (var ring in _rings)
            await ring.RunAsync(step).ConfigureAwait(false);
    }

    private Task AcceptAsync(VirtioFeatures features)
    {
        if ((features & ~_device.Features) is not 0 and var unknown)
            throw new VhostUserException($"features 0x{(ulong)unknown:x}, which were not offered");
        _features = features;
        _device.Accept(features);
        return ForAllAsync(ring => ring.SetFeatures(features, _dirty));
    }

    private ValueTask AcceptProtocol(ProtocolFeatures features)
    {
        if ((features & ~Offered) is not 0 and var unknown)
            throw new VhostUserException($"protocol features 0x{(ulong)unknown:x}, which were not offered");
        _protocol = features;
        return default;
    }

    private async Task ResetAsync()
    {
        foreach (var ring in _rings)
        {
            await ring.StopAsync().ConfigureAwait(false);
            await ring.RunAsync(static stopped => stopped.SetEnabled(false)).ConfigureAwait(false);
        }

        _status = 0;
        _device.Reset();
    }

    private ValueTask SetStatusAsync(ulong status)
    {
        if (status > byte.MaxValue)
            throw new VhostUserException($"device status 0x{status:x}");
        _status = status;
        return status == 0 ? new(ResetAsync()) : default;
    }

    private async Task AddRegionAsync(VhostUserMessage message)
    {
        var descriptor = message.TakeDescriptor();
        try
        {
            await ReplaceMemoryAsync(_memory.With(message.SingleRegion(), descriptor)).ConfigureAwait(false);
        }
        finally
        {
            _ = Libc.close(descriptor);
        }
    }

    private async Task ReplaceMemoryAsync(GuestMemory memory)
    {
        var old = _memory;
        _memory = memory;
        try
        {
            await ForAllAsync(ring => ring.SetMemory(memory)).ConfigureAwait(false);
        }
        finally
        {
            old.Release();
        }
    }

    private ValueTask SetBackendSocket(int descriptor)
    {
        lock (_backend)
        {
            EventDescriptor.Close(ref _backendSocket);
            _backendSocket = EventDescriptor.Prepared(descriptor);
        }

        return default;
    }

    private async ValueTask ReplyBaseAsync(VhostUserMessage message)
    {
        var (index, _) = message.VringState();
        var next = await Ring(index).StopAsync().ConfigureAwait(false);
        var answer = new byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(answer, index);
        BinaryPrimitives.WriteUInt32LittleEndian(answer.AsSpan(4), next);
        _socket.Reply(message.Request, answer);
    }

    /// <summary>An answer of no bytes means an error.</summary>
    private void ReplyConfig(VhostUserMessage message)
    {
        var (offset, size, _) = message.ConfigArea();
        if (size > VhostUserMessage.MaxPayload - ConfigHeader || offset > VhostUserMessage.MaxPayload
            || message.Payload.Length != ConfigHeader + size)
        {
            _socket.Reply(message.Request, []);
            return;
        }

        var config = new byte[offset + size];
        _device.ReadConfig(config);
        _socket.Reply(message.Request, [.. message.Payload[..ConfigHeader], .. config.AsSpan((int)offset)]);
    }

    private ValueTask WriteConfig(VhostUserMessage message)
    {
        const uint Migration = 1;
        var (offset, size, flags) = message.ConfigArea();
        if (message.Payload.Length < ConfigHeader + (long)size || offset > VhostUserMessage.MaxPayload)
            throw new VhostUserException($"{size} bytes for the configuration space at {offset}");
        var value = message.Payload.Slice(ConfigHeader, (int)size);
        if (!_device.TryWriteConfig((int)offset, value) && flags != Migration)
            throw new VhostUserException($"{size} bytes at {offset} of the configuration space, which is read-only there");
        return default;
    }

    private void ReplyInFlight(VhostUserMessage message)
    {
        var asked = message.InFlight();
        var (descriptor, layout) = InFlightBuffer.Create(asked.Queues, asked.QueueSize);
        try
        {
            var answer = new byte[24];
            BinaryPrimitives.WriteUInt64LittleEndian(answer, layout.Size);
            BinaryPrimitives.WriteUInt64LittleEndian(answer.AsSpan(8), layout.Offset);
            BinaryPrimitives.WriteUInt16LittleEndian(answer.AsSpan(16), layout.Queues);
            BinaryPrimitives.WriteUInt16LittleEndian(answer.AsSpan(18), layout.QueueSize);
            _socket.Reply(message.Request, answer, descriptor);
        }
        finally
        {
            _ = Libc.close(descriptor);
        }
    }

    private async Task SetInFlightAsync(VhostUserMessage message)
    {
        var descriptor = message.TakeDescriptor();
        try
        {
            // A ring at work keeps the buffer that it began with, so all are asked before any has another one.
            await ForAllAsync(static ring => ring.RequireStopped("the log of what is in flight")).ConfigureAwait(false);
            var old = _inFlight;
            var buffer = _inFlight = InFlightBuffer.Map(descriptor, message.InFlight());
            await ForAllAsync(ring => ring.SetInFlight(buffer.Region(ring.Index))).ConfigureAwait(false);
            old?.Dispose();
        }
        finally
        {
            _ = Libc.close(descriptor);
        }
    }

    /// <summary>The answer tells the front-end that nothing is noted in the old log any more.</summary>
    private async ValueTask SetLogAsync(VhostUserMessage message)
    {
        var (size, offset) = message.LogArea();
        var descriptor = message.TakeDescriptor();
        try
        {
            var old = _dirty;
            _dirty = DirtyLog.Map(descriptor, offset, size);
            await ForAllAsync(ring => ring.SetFeatures(_features, _dirty)).ConfigureAwait(false);
            old?.Dispose();
        }
        finally
        {
            _ = Libc.close(descriptor);
        }

        Reply(message, 0);
    }
}
