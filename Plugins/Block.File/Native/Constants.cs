// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Plugins.Block.File.Native;

internal static class OpenFlags
{
    internal const int ReadOnly = 0;
    internal const int ReadWrite = 2;
    internal const int Create = 0x40;
    internal const int Exclusive = 0x80;
    internal const int NonBlocking = 0x800;
    internal const int CloseOnExec = 0x80000;

    /// <summary>O_DIRECT is one of the few flags whose number depends on the processor.</summary>
    internal static int Direct => RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x10000 : 0x4000;
}

[Flags]
internal enum IoCallFlags
{
    None = 0,

    /// <summary>RWF_DSYNC: data is on stable storage when the call returns.</summary>
    DataSync = 2,

    /// <summary>RWF_NOWAIT: EAGAIN rather than waiting for a disk.</summary>
    NoWait = 8,
}

[Flags]
internal enum FallocateMode
{
    Allocate = 0,
    KeepSize = 1,
    PunchHole = 2,
    ZeroRange = 16,
}

internal static class Seek
{
    internal const int End = 2;
    internal const int Data = 3;
    internal const int Hole = 4;
}

internal static class Advice
{
    internal const int WillNeed = 3;
    internal const int DontNeed = 4;
}

internal static class FileType
{
    internal const int Mask = 0xF000;
    internal const int CharacterDevice = 0x2000;
    internal const int Directory = 0x4000;
    internal const int BlockDevice = 0x6000;
    internal const int Regular = 0x8000;
}

internal static class LockCommand
{
    internal const int OfdGetLock = 36;
    internal const int OfdSetLock = 37;

    internal const short Read = 0;
    internal const short Write = 1;
    internal const short Unlock = 2;
}

/// <summary>ioctl numbers of block devices.</summary>
internal static class BlockDeviceControl
{
    internal const nuint Size64 = 0x80081272;
    internal const nuint LogicalSectorSize = 0x1268;
    internal const nuint PhysicalSectorSize = 0x127B;
    internal const nuint Discard = 0x1277;
    internal const nuint ZeroOut = 0x127F;
    internal const nuint IsReadOnly = 0x125E;
}

/// <summary>Errors the driver tells apart and that the contract does not name.</summary>
internal static class LinuxError
{
    internal const int ENOTTY = 25;
    internal const int ENOLCK = 37;
    internal const int ENOTSUP = 95;
}
