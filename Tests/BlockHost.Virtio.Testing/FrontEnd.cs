// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Posix;

namespace BlockHost.Virtio.Testing;

/// <summary>The answer of a back-end.</summary>
public sealed record BackEndReply(uint Request, byte[] Payload, int? Descriptor)
{
    public ulong Value => BitConverter.ToUInt64(Payload);
}

/// <summary>Speaks vhost-user message by message, rightly or wrongly as a test wants.</summary>
public sealed class FrontEnd : IDisposable
{
    public const ulong PackedRing = 1UL << 34;
    public const ulong EventIndex = 1UL << 29;
    public const ulong Indirect = 1UL << 28;
    public const ulong ProtocolFeature = 1UL << 30;

    private const int NeedReply = 8;

    private readonly Socket _socket;

    public FrontEnd(string path)
    {
        _socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        { ReceiveTimeout = 60_000, SendTimeout = 60_000 };
        _socket.Connect(new UnixDomainSocketEndPoint(path));
    }

    public Socket Socket => _socket;

    /// <summary>What has been agreed on.</summary>
    public ulong ProtocolFeatures { get; set; }

    private int Descriptor => (int)_socket.SafeHandle.DangerousGetHandle();

    public void Dispose() => _socket.Dispose();

    public void Send(
        uint request, ReadOnlySpan<byte> payload, uint flags = 1, uint? size = null, params ReadOnlySpan<int> descriptors)
    {
        byte[] message =
        [
            .. BitConverter.GetBytes(request), .. BitConverter.GetBytes(flags),
            .. BitConverter.GetBytes(size ?? (uint)payload.Length), .. payload,
        ];
        if (DescriptorPassing.Send(Descriptor, message, descriptors) != message.Length)
            throw new IOException($"not sent: {SystemError.Text(SystemError.Last)}");
    }

    public void Send(uint request, ulong value, params ReadOnlySpan<int> descriptors) =>
        Send(request, BitConverter.GetBytes(value), 1, null, descriptors);

    /// <summary>A message of two numbers: a ring and a value.</summary>
    public void SendRing(uint request, uint ring, uint value) =>
        Send(request, [.. BitConverter.GetBytes(ring), .. BitConverter.GetBytes(value)]);

    /// <summary>Sends and waits until it has been carried out; the answer is 0 where it was.</summary>
    public ulong Acknowledged(uint request, ReadOnlySpan<byte> payload, params ReadOnlySpan<int> descriptors)
    {
        Send(request, payload, 1 | NeedReply, null, descriptors);
        return Receive().Value;
    }

    public BackEndReply Ask(uint request, ReadOnlySpan<byte> payload = default)
    {
        Send(request, payload);
        return Receive();
    }

    /// <exception cref="IOException">The back-end has gone.</exception>
    public BackEndReply Receive()
    {
        var header = new byte[12];
        Span<int> descriptors = stackalloc int[1];
        var descriptor = Fill(header, descriptors);
        if ((BitConverter.ToUInt32(header, 4) & 7) != 5)
            throw new IOException($"flags of a reply: {BitConverter.ToUInt32(header, 4)}");
        var payload = new byte[BitConverter.ToUInt32(header, 8)];
        Fill(payload, descriptors);
        return new(BitConverter.ToUInt32(header), payload, descriptor);
    }

    /// <summary>Whether the back-end closes the connection.</summary>
    public bool IsClosed()
    {
        try
        {
            return _socket.Receive(new byte[1]) == 0;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown)
        {
            return true;
        }
    }

    public static byte[] Region(ulong guest, ulong size, ulong user, ulong offset) =>
    [
        .. BitConverter.GetBytes(guest), .. BitConverter.GetBytes(size), .. BitConverter.GetBytes(user),
        .. BitConverter.GetBytes(offset),
    ];

    public static byte[] Region(GuestRam ram) => Region(ram.GuestAddress, ram.Size, ram.UserAddress, ram.Offset);

    /// <summary>SET_MEM_TABLE.</summary>
    public void SetMemory(params ReadOnlySpan<GuestRam> memories)
    {
        var payload = new List<byte>([.. BitConverter.GetBytes((uint)memories.Length), 0, 0, 0, 0]);
        var descriptors = new int[memories.Length];
        for (var i = 0; i < memories.Length; i++)
        {
            payload.AddRange(Region(memories[i]));
            descriptors[i] = memories[i].Descriptor;
        }

        Send(5, payload.ToArray(), 1, null, descriptors);
    }

    /// <summary>SET_VRING_ADDR.</summary>
    public void SetAddresses(uint ring, RingDriver driver, uint flags = 0, ulong log = 0) => Send(
        9,
        [
            .. BitConverter.GetBytes(ring), .. BitConverter.GetBytes(flags), .. BitConverter.GetBytes(driver.Descriptors),
            .. BitConverter.GetBytes(driver.DeviceArea), .. BitConverter.GetBytes(driver.DriverArea),
            .. BitConverter.GetBytes(log),
        ]);

    private int? Fill(byte[] target, Span<int> descriptors)
    {
        int? found = null;
        for (var done = 0; done < target.Length;)
        {
            var received = (int)DescriptorPassing.Receive(Descriptor, target.AsSpan(done), descriptors, out var count);
            if (received <= 0)
                throw new IOException("the back-end has gone");
            if (count > 0)
                found = descriptors[0];
            done += received;
        }

        return found;
    }
}
