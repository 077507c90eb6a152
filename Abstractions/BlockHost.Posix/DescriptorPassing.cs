// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Posix;

/// <summary>
/// Sends and receives bytes on a Unix socket, with open descriptors beside them (SCM_RIGHTS):
/// <code>
///   msghdr ─┬─ iovec   ─► the bytes, at least one
///           └─ control ─► cmsghdr │ int │ int │ …
/// </code>
/// </summary>
public static unsafe class DescriptorPassing
{
    /// <summary>More the kernel does not take at once.</summary>
    public const int Most = 253;

    /// <returns>The bytes sent, with which all descriptors have gone; or -1, and <see cref="SystemError.Last"/>.</returns>
    /// <exception cref="ArgumentException">There are no bytes, or more descriptors than <see cref="Most"/>.</exception>
    public static nint Send(int socket, ReadOnlySpan<byte> data, ReadOnlySpan<int> descriptors)
    {
        if (data.IsEmpty)
            throw new ArgumentException("Descriptors travel with at least one byte", nameof(data));
        var control = stackalloc byte[ControlLength(descriptors.Length)];
        if (!descriptors.IsEmpty)
        {
            *(ControlHeader*)control = new()
            {
                Length = sizeof(
                    ControlHeader) + (descriptors.Length * sizeof(int)),
                Level = Libc.SOL_SOCKET,
                Type = Libc.SCM_RIGHTS
            };
            descriptors.CopyTo(new Span<int>(control + sizeof(ControlHeader), descriptors.Length));
        }

        fixed (byte* bytes = data)
        {
            var block = new IoVec { Base = bytes, Length = (nuint)data.Length };
            var message = new MessageHeader { Blocks = &block, BlockCount = 1 };
            if (!descriptors.IsEmpty)
            {
                message.Control = control;
                message.ControlLength = ControlLength(descriptors.Length);
            }

            nint sent;
            do
            {
                sent = Libc.sendmsg(socket, &message, Libc.MSG_NOSIGNAL);
            }
            while (sent < 0 && SystemError.Last == Errno.EINTR);
            return sent;
        }
    }

    /// <param name="descriptors">Takes what comes; the caller closes them. They are closed on exec.</param>
    /// <param name="count">How many came.</param>
    /// <param name="flags"><see cref="Libc.MSG_DONTWAIT"/>, for one.</param>
    /// <returns>The bytes received, 0 at the end; or -1, and <see cref="SystemError.Last"/>.</returns>
    /// <exception cref="IOException">The other side sent more descriptors than are taken; all are closed.</exception>
    public static nint Receive(int socket, Span<byte> data, Span<int> descriptors, out int count, int flags = 0)
    {
        count = 0;
        var space = ControlLength(descriptors.Length);
        var control = stackalloc byte[space];
        fixed (byte* bytes = data)
        {
            var block = new IoVec { Base = bytes, Length = (nuint)data.Length };
            var message = new MessageHeader { Blocks = &block, BlockCount = 1, Control = control, ControlLength = space };
            nint received;
            do
            {
                received = Libc.recvmsg(socket, &message, Libc.MSG_CMSG_CLOEXEC | flags);
            }
            while (received < 0 && SystemError.Last == Errno.EINTR);
            if (received < 0)
                return received;
            var fits = Take(new Span<byte>(control, (int)message.ControlLength), descriptors, ref count);
            if (fits && (message.Flags & Libc.MSG_CTRUNC) == 0)
                return received;
            foreach (var descriptor in descriptors[..count])
                _ = Libc.close(descriptor);
            count = 0;
            throw new IOException("more descriptors were sent than are taken");
        }
    }

    /// <summary>
    /// The descriptors of all control messages; those that <paramref name="descriptors"/> has no room for are closed.
    /// </summary>
    private static bool Take(ReadOnlySpan<byte> control, Span<int> descriptors, ref int count)
    {
        var fits = true;
        while (control.Length >= sizeof(ControlHeader))
        {
            ControlHeader header;
            fixed (byte* start = control)
                header = *(ControlHeader*)start;
            if (header.Length < sizeof(ControlHeader) || header.Length > control.Length)
                break;
            if (header is { Level: Libc.SOL_SOCKET, Type: Libc.SCM_RIGHTS })
                fits &= TakeAll(control[sizeof(ControlHeader)..(int)header.Length], descriptors, ref count);
            control = control[Math.Min(control.Length, Aligned((int)header.Length))..];
        }

        return fits;
    }

    private static bool TakeAll(ReadOnlySpan<byte> data, Span<int> descriptors, ref int count)
    {
        var fits = true;
        for (; data.Length >= sizeof(int); data = data[sizeof(int)..])
        {
            var descriptor = BitConverter.ToInt32(data);
            if (count < descriptors.Length)
                descriptors[count++] = descriptor;
            else
            {
                _ = Libc.close(descriptor);
                fits = false;
            }
        }

        return fits;
    }

    private static int ControlLength(int descriptors)
    {
        if (descriptors > Most)
            throw new ArgumentException($"At most {Most} descriptors travel at once", nameof(descriptors));
        return Aligned(sizeof(ControlHeader) + (descriptors * sizeof(int)));
    }

    private static int Aligned(int length) => (length + sizeof(nint) - 1) & -sizeof(nint);
}
