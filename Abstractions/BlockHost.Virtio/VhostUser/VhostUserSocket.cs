// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Net.Sockets;
using BlockHost.Posix;

namespace BlockHost.Virtio.VhostUser;

/// <summary>
/// Messages over a Unix socket. The runtime waits; what comes with descriptors is received by a call of our own.
/// </summary>
internal sealed class VhostUserSocket(Socket socket) : IDisposable
{
    private readonly byte[] _header = new byte[VhostUserMessage.HeaderLength];
    private readonly int[] _descriptors = new int[VhostUserMessage.MaxDescriptors];

    private int Descriptor => (int)socket.SafeHandle.DangerousGetHandle();

    /// <summary>The next message; null: the other side has gone.</summary>
    /// <exception cref="VhostUserException">What came is no message.</exception>
    public async ValueTask<VhostUserMessage?> ReceiveAsync(CancellationToken cancellationToken)
    {
        var descriptors = new List<int>();
        var complete = false;
        try
        {
            if (!await FillAsync(_header, descriptors, cancellationToken).ConfigureAwait(false))
                return null;
            var request = (FrontEndRequest)BitConverter.ToUInt32(_header);
            var flags = (MessageFlags)BitConverter.ToUInt32(_header, 4);
            var size = BitConverter.ToUInt32(_header, 8);
            if ((flags & MessageFlags.VersionMask) != MessageFlags.Version)
                throw new VhostUserException($"a message of version {(uint)(flags & MessageFlags.VersionMask)}");
            if (size > VhostUserMessage.MaxPayload)
                throw new VhostUserException($"a message of {size} bytes");
            var payload = size == 0 ? [] : new byte[size];
            if (!await FillAsync(payload, descriptors, cancellationToken).ConfigureAwait(false))
                return null;
            complete = true;
            return new VhostUserMessage(request, flags, payload, [.. descriptors]);
        }
        finally
        {
            if (!complete)
                descriptors.ForEach(descriptor => _ = Libc.close(descriptor));
        }
    }

    /// <param name="descriptor">Goes along; -1: none.</param>
    /// <exception cref="VhostUserException">The other side does not take it, or has gone.</exception>
    public void Reply(FrontEndRequest request, ReadOnlySpan<byte> payload, int descriptor = -1) =>
        Send(Descriptor, (uint)request, MessageFlags.Version | MessageFlags.Reply, payload, descriptor);

    /// <summary>A message that fits a socket's buffer: one who does not read loses the connection.</summary>
    public static void Send(int socket, uint request, MessageFlags flags, ReadOnlySpan<byte> payload, int descriptor = -1)
    {
        Span<byte> message = stackalloc byte[VhostUserMessage.HeaderLength + payload.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(message, request);
        BinaryPrimitives.WriteUInt32LittleEndian(message[4..], (uint)flags);
        BinaryPrimitives.WriteUInt32LittleEndian(message[8..], (uint)payload.Length);
        payload.CopyTo(message[VhostUserMessage.HeaderLength..]);
        if (DescriptorPassing.Send(socket, message, descriptor < 0 ? [] : [descriptor]) != message.Length)
            throw new VhostUserException($"the front-end takes no more: {SystemError.Text(SystemError.Last)}");
    }

    public void Dispose() => socket.Dispose();

    /// <summary>False: the other side has gone.</summary>
    private async ValueTask<bool> FillAsync(Memory<byte> target, List<int> descriptors, CancellationToken cancellationToken)
    {
        while (!target.IsEmpty)
        {
            // Of no bytes: completes when there is something to receive, and puts the socket in its non-blocking mode.
            await socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None, cancellationToken).ConfigureAwait(false);
            var received = Receive(target.Span, descriptors);
            if (received == 0)
                return false;
            if (received > 0)
                target = target[received..];
        }

        return true;
    }

    /// <returns>0: the end; -1: nothing is there.</returns>
    private int Receive(Span<byte> target, List<int> descriptors)
    {
        try
        {
            var received = DescriptorPassing.Receive(Descriptor, target, _descriptors, out var count, Libc.MSG_DONTWAIT);
            descriptors.AddRange(_descriptors[..count]);
            if (descriptors.Count > VhostUserMessage.MaxDescriptors)
                throw new VhostUserException($"a message with {descriptors.Count} descriptors");
            return received >= 0 ? (int)received : SystemError.Last == Block.Errno.EAGAIN ? -1 : 0;
        }
        catch (IOException e)
        {
            throw new VhostUserException($"a message with more than {VhostUserMessage.MaxDescriptors} descriptors", e);
        }
    }
}
