// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Devices;

/// <summary>CD, DVD and Blu-ray drives (linux/cdrom.h).</summary>
internal sealed unsafe class CdromKind : IDriveKind
{
    internal const nuint Eject = 0x5309;
    internal const nuint CloseTray = 0x5319;
    internal const nuint MediaChanged = 0x5325;
    internal const nuint DriveStatus = 0x5326;
    internal const nuint LockDoor = 0x5329;

    internal const int TrayOpen = 2;
    internal const int DiscOk = 4;

    /// <summary>CDSL_CURRENT: of a changer, the slot that is in use.</summary>
    private const nint CurrentSlot = int.MaxValue;

    public string Noun => "CD-ROM drive";

    public bool Recognizes(IDeviceLayer devices, FileDescriptor file) =>
        devices.Control(file, DriveStatus, (void*)CurrentSlot) >= 0;

    public DriveReport Ask(IDeviceLayer devices, FileDescriptor file)
    {
        var status = devices.Control(file, DriveStatus, (void*)CurrentSlot);
        var changed = devices.Control(file, MediaChanged, (void*)CurrentSlot);
        return new(HasMedium: status == DiscOk, IsTrayOpen: status < 0 ? null : status == TrayOpen, HasChanged: changed > 0);
    }

    public int MoveTray(IDeviceLayer devices, FileDescriptor file, bool open) =>
        -Math.Min(0, devices.Control(file, open ? Eject : CloseTray, null));

    public int Lock(IDeviceLayer devices, FileDescriptor file, bool locked) =>
        -Math.Min(0, devices.Control(file, LockDoor, (void*)(nint)(locked ? 1 : 0)));
}
