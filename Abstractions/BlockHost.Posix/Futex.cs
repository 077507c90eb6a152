// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Block;

namespace BlockHost.Posix;

/// <summary>
/// Lets one thread sleep until another wakes it, with one system call each. The runtime's own means take a lock twice
/// on the way, which doubles the time from a request to the thread that does it.
/// </summary>
public sealed class Futex
{
    private const nuint WaitPrivate = 128;
    private const nuint WakePrivate = 129;

    private readonly int[] _signalled = GC.AllocateArray<int>(1, pinned: true);

    private static nint CallNumber => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 98 : 202;

    /// <summary>Sleeps until woken; a wake that came before counts. False: the time is over.</summary>
    public unsafe bool Wait(TimeSpan atMost)
    {
        var time = stackalloc long[2] { (long)atMost.TotalSeconds, atMost.Nanoseconds };
        fixed (int* word = _signalled)
        {
            while (Interlocked.Exchange(ref *word, 0) == 0)
            {
                if (Libc.syscall6(CallNumber, (nuint)word, WaitPrivate, 0, (nuint)time, 0, 0) < 0
                    && SystemError.Last == Errno.ETIMEDOUT)
                    return Interlocked.Exchange(ref *word, 0) != 0;
            }
        }

        return true;
    }

    public unsafe void Wake()
    {
        fixed (int* word = _signalled)
        {
            Volatile.Write(ref *word, 1);
            _ = Libc.syscall6(CallNumber, (nuint)word, WakePrivate, 1, 0, 0, 0);
        }
    }
}
