// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Virtio.VhostUser;

/// <summary>A descriptor that tells the other side of something, or that it tells us by; its own copy here.</summary>
internal static unsafe class EventDescriptor
{
    public const int None = -1;

    /// <summary>Nobody may make a loop wait by filling what it writes to: the descriptor is non-blocking from now on.</summary>
    public static int Prepared(int descriptor)
    {
        if (descriptor >= 0)
        {
            var flags = Libc.fcntl(descriptor, OpenFlags.GetStatusFlags, 0);
            if (flags >= 0 && (flags & OpenFlags.NonBlocking) == 0)
                _ = Libc.fcntl(descriptor, OpenFlags.SetStatusFlags, flags | OpenFlags.NonBlocking);
        }

        return descriptor;
    }

    public static void Signal(int descriptor)
    {
        if (descriptor < 0)
            return;
        var one = 1L;
        _ = Libc.write(descriptor, &one, sizeof(long));
    }

    public static void Close(ref int descriptor)
    {
        if (descriptor >= 0)
            _ = Libc.close(descriptor);
        descriptor = None;
    }
}
