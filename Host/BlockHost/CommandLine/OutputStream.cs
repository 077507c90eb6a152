// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Chardevs;
using BlockHost.Posix;

namespace BlockHost.CommandLine;

/// <summary>
/// Standard output or error. The runtime's own prepares a terminal for reading keys before the first write, with a
/// thread and signal handlers, and a <see cref="FileStream"/> would not move the offset that programs share. What cannot
/// be written is lost, as with QEMU's programs: the exit code tells of the work, which nobody's reading changes.
/// </summary>
internal sealed class OutputStream(int descriptor) : SequentialStream
{
    private const int Interrupted = 4;
    private const int TryAgain = 11;

    public override bool CanRead => false;

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override unsafe void Write(ReadOnlySpan<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            nint written;
            fixed (byte* start = buffer)
                written = Libc.write(descriptor, start, (nuint)buffer.Length);
            if (written >= 0)
                buffer = buffer[(int)written..];
            else if (!IsWorthRetrying(Marshal.GetLastPInvokeError()))
                return;
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private static bool IsWorthRetrying(int error)
    {
        // A reader that shares the descriptor may have made it non-blocking.
        if (error == TryAgain)
            Thread.Sleep(1);
        return error is TryAgain or Interrupted;
    }
}
