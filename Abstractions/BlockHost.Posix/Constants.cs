// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Posix;

public static class OpenFlags
{
    public const int ReadOnly = 0;
    public const int WriteOnly = 1;
    public const int ReadWrite = 2;
    public const int AccessMask = 3;
    public const int Create = 0x40;
    public const int Exclusive = 0x80;
    public const int NonBlocking = 0x800;
    public const int CloseOnExec = 0x80000;

    /// <summary>O_PATH: only to look at what it is; nothing is opened.</summary>
    public const int PathOnly = 0x200000;

    /// <summary>O_DIRECT is one of the few flags whose number depends on the processor.</summary>
    public static int Direct => IsArm ? 0x10000 : 0x4000;

    /// <summary>O_DIRECTORY.</summary>
    public static int Directory => IsArm ? 0x4000 : 0x10000;

    /// <summary>O_NOFOLLOW.</summary>
    public static int NoFollow => IsArm ? 0x8000 : 0x20000;

    /// <summary>F_GETFL and F_SETFL.</summary>
    public const int GetStatusFlags = 3;
    public const int SetStatusFlags = 4;

    /// <summary>Those of the flags here that an open file's can be changed to.</summary>
    public static int Changeable => NonBlocking | Direct;

    public static FileAccess AccessOf(int flags) => (flags & AccessMask) switch
    {
        ReadOnly => FileAccess.Read,
        WriteOnly => FileAccess.Write,
        _ => FileAccess.ReadWrite,
    };

    private static bool IsArm => RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm;
}

[Flags]
public enum IoCallFlags
{
    None = 0,

    /// <summary>RWF_DSYNC: data is on stable storage when the call returns.</summary>
    DataSync = 2,

    /// <summary>RWF_NOWAIT: EAGAIN rather than waiting for a disk.</summary>
    NoWait = 8,
}

[Flags]
public enum FallocateMode
{
    Allocate = 0,
    KeepSize = 1,
    PunchHole = 2,
    ZeroRange = 16,
}

public static class Seek
{
    public const int Start = 0;
    public const int End = 2;
    public const int Data = 3;
    public const int Hole = 4;
}

public static class Advice
{
    public const int WillNeed = 3;
    public const int DontNeed = 4;

    /// <summary>MADV_DONTNEED: the memory goes back to the system, and reads as zeroes.</summary>
    public const int DropContent = 4;
}

public static class FileType
{
    public const int Mask = 0xF000;
    public const int CharacterDevice = 0x2000;
    public const int Directory = 0x4000;
    public const int BlockDevice = 0x6000;
    public const int Regular = 0x8000;
    public const int Socket = 0xC000;
    public const int Link = 0xA000;
}

public static class LockCommand
{
    public const int OfdGetLock = 36;
    public const int OfdSetLock = 37;

    public const short Read = 0;
    public const short Write = 1;
    public const short Unlock = 2;
}

/// <summary>ioctl numbers of block devices.</summary>
public static class BlockDeviceControl
{
    public const nuint Size64 = 0x80081272;
    public const nuint LogicalSectorSize = 0x1268;
    public const nuint PhysicalSectorSize = 0x127B;
    public const nuint Discard = 0x1277;
    public const nuint ZeroOut = 0x127F;
    public const nuint IsReadOnly = 0x125E;
}

/// <summary>Errors that the contract does not name.</summary>
public static class LinuxError
{
    public const int ENOTTY = 25;
    public const int ENOLCK = 37;
    public const int ENOTSUP = 95;
}
