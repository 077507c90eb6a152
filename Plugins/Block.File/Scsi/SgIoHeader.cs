// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Plugins.Block.File.Scsi;

/// <summary>struct sg_io_hdr of 64-bit Linux (scsi/sg.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SgIoHeader
{
    internal const int Version3 = 'S';
    internal const int NoData = -1;
    internal const int ToDevice = -2;
    internal const int FromDevice = -3;

    /// <summary>DID_TIME_OUT.</summary>
    internal const ushort HostTimedOut = 3;

    internal int Interface;
    internal int Direction;
    internal byte CommandLength;
    internal byte MaxSenseLength;
    internal ushort VectorCount;
    internal uint DataLength;
    internal byte* Data;
    internal byte* Command;
    internal byte* Sense;
    internal uint TimeoutMilliseconds;
    internal uint Flags;
    internal int PackId;
    internal void* UserPointer;
    internal byte Status;
    internal byte MaskedStatus;
    internal byte MessageStatus;
    internal byte SenseLength;
    internal ushort HostStatus;
    internal ushort DriverStatus;
    internal int Residue;
    internal uint Duration;
    internal uint Info;
}
