// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Block;
using BlockHost.Posix;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Chardev.Standard.Devices;

/// <summary>Opens what is no regular file, so that nothing blocks.</summary>
internal static class Descriptors
{
    private const int NonBlocking = 0x800;
    private const int NoControllingTerminal = 0x100;

    /// <exception cref="QmpException">With QEMU's text.</exception>
    public static int Open(string path) =>
        TryOpen(path, out var errno) is >= 0 and var opened
            ? opened
            : throw new QmpException($"Could not open '{path}': {ErrnoText.Of(errno)}");

    public static int TryOpen(string path, out int errno)
    {
        var opened = Libc.open(path, OpenFlags.ReadWrite | OpenFlags.CloseOnExec | NonBlocking | NoControllingTerminal, 0);
        errno = opened < 0 ? Marshal.GetLastPInvokeError() : 0;
        return opened;
    }
}
