// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Processes;

/// <summary>Who may use the files, folders and sockets that the process makes.</summary>
internal static class FileCreation
{
    private const uint Others = 0b000_111_111;
    private const uint OthersAndGroupWriting = 0b000_010_111;

    /// <summary>Only this user, whatever the process was started with: folders 0700, files and sockets 0600.</summary>
    public static void KeepPrivate() => Libc.umask(Others);

    /// <summary>As programs of QEMU that go to the background.</summary>
    public static void KeepToGroup() => Libc.umask(OthersAndGroupWriting);
}
