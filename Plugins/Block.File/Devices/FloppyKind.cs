// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Devices;

/// <summary>
/// Floppy drives (linux/fd.h). There is no tray to ask for and no lock; most drives have no motor that ejects. Each poll
/// spins the drive up and reads its change line.
/// </summary>
internal sealed unsafe class FloppyKind : IDriveKind
{
    internal const nuint GetDriveState = 0x80500212;
    internal const nuint PollDriveState = 0x80500213;
    internal const nuint FlushBuffers = 0x24B;
    internal const nuint Eject = 0x25A;

    /// <summary>The change line is up: the drive is empty, or nothing was read since the medium came.</summary>
    internal const ulong ChangeLine = 1 << 2;

    /// <summary>FD_DISK_CHANGED: the kernel has seen that line since the drive was opened.</summary>
    internal const ulong Changed = 1 << 4;

    public string Noun => "floppy drive";

    public bool Recognizes(IDeviceLayer devices, FileDescriptor file)
    {
        DriveState state;
        return devices.Control(file, GetDriveState, &state) >= 0;
    }

    public DriveReport Ask(IDeviceLayer devices, FileDescriptor file)
    {
        DriveState state;
        if (devices.Control(file, PollDriveState, &state) < 0)
            return new(HasMedium: false, IsTrayOpen: null, HasChanged: true);
        return new(
            HasMedium: (state.Flags & ChangeLine) == 0,
            IsTrayOpen: null,
            HasChanged: (state.Flags & (Changed | ChangeLine)) != 0);
    }

    public int MoveTray(IDeviceLayer devices, FileDescriptor file, bool open)
    {
        if (!open)
            return Errno.ENOTSUP;
        _ = devices.Control(file, FlushBuffers, null);
        return -Math.Min(0, devices.Control(file, Eject, null));
    }

    public int Lock(IDeviceLayer devices, FileDescriptor file, bool locked) => Errno.ENOTSUP;

    /// <summary>struct floppy_drive_struct of 64-bit Linux, of which the first member matters here.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 80)]
    internal struct DriveState
    {
        internal ulong Flags;
    }
}
