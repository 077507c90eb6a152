// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Processes;

/// <summary>Signals that the process sends itself, with the system's effect and not the runtime's.</summary>
internal static class OwnSignals
{
    public const int Abort = 6;

    public const int Highest = 65;

    private const int UserDefined1 = 10;
    private const int BrokenPipe = 13;

    private const nint Default = 0;
    private const nint Ignore = 1;

    /// <summary>
    /// Returns where the signal does not end the process. The runtime handles some signals itself and would turn them
    /// into an orderly end, so these are given back to the system first; as in QEMU's programs SIGPIPE and SIGUSR1 do nothing.
    /// </summary>
    public static void Raise(int signal)
    {
        if (signal is 0 or UserDefined1 or BrokenPipe)
            return;
        if (Libc.signal(signal, Default) == Ignore)
            Libc.signal(signal, Ignore);
        Libc.kill(Environment.ProcessId, signal);
        // A signal to the process may come to another thread, a moment later.
        Thread.Sleep(TimeSpan.FromMilliseconds(50));
    }
}
