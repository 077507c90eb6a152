// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Posix;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Chardev.Standard.Devices;

/// <summary>Opens what is no regular file, so that nothing blocks.</summary>
internal static class Descriptors
{
    private const int NoControllingTerminal = 0x100;

    /// <exception cref="QmpException">With QEMU's text.</exception>
    public static int Open(IPassedDescriptors passed, string path) =>
        TryOpen(passed, path, out var errno) is >= 0 and var opened
            ? opened
            : throw new QmpException($"Could not open '{path}': {ErrnoText.Of(errno)}");

    public static int TryOpen(IPassedDescriptors passed, string path, out int errno) =>
        FileDescriptor.TryOpen(
            passed, path, OpenFlags.ReadWrite | OpenFlags.NonBlocking | NoControllingTerminal, 0, out errno)?.Detach() ?? -1;
}
