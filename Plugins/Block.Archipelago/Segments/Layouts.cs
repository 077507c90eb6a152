// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Archipelago.Segments;

// The structures of libxseg 0.4.1 as a 64-bit machine lays them out. All numbers are the machine's.
//
//   head ─► heap             chunks of memory; free ones in lists by size
//     │
//     ├───► ports[n] ─► port ─► three queues: free requests, requests that came, replies that came
//     │                   └───► signal: the name of a pipe, and whether to write to it
//     ├───► path next[n]        the port that stands before port n
//     └───► shared ─► names of peer types
//
//   "place" is a distance from the segment's start, "relative" one from the field itself.

/// <summary>struct xseg.</summary>
internal static class HeadLayout
{
    internal const long Version = 0;
    internal const long Size = 8;
    internal const long Heap = 24;
    internal const long Ports = 56;
    internal const long PathNext = 64;
    internal const long Shared = 80;
    internal const long MaxPeerTypes = 96;
    internal const long PortCount = 112;

    /// <summary>Ports below are those of servers; from here on clients take what is free.</summary>
    internal const long FirstDynamicPort = 116;

    /// <summary>0.4.1: 16 bits, 16 bits, 32 bits.</summary>
    internal const ulong KnownVersion = (4UL << 32) + 1;
}

/// <summary>struct xseg_shared.</summary>
internal static class SharedLayout
{
    internal const long PeerTypes = 8;
    internal const long Lock = 32;
    internal const int NameSize = 32;
}

/// <summary>struct xheap, and struct xheap_header before each chunk.</summary>
internal static class HeapLayout
{
    internal const long AlignmentUnit = 0;
    internal const long Size = 8;
    internal const long Used = 16;
    internal const long Lock = 24;

    /// <summary>Relative.</summary>
    internal const long Memory = 40;

    internal const int HeaderSize = 24;
    internal const long HeaderHeap = 8;
    internal const long HeaderChunkSize = 16;
    internal const ulong HeaderMagic = 0xDEADBEAF;
}

/// <summary>struct xseg_port.</summary>
internal static class PortLayout
{
    internal const long FreeLock = 0;
    internal const long RequestLock = 16;
    internal const long ReplyLock = 32;
    internal const long FreeQueue = 48;
    internal const long RequestQueue = 56;
    internal const long ReplyQueue = 64;
    internal const long Owner = 72;
    internal const long PeerType = 80;
    internal const long Number = 88;
    internal const long MaxRequests = 96;
    internal const long Requests = 104;
    internal const long PortLock = 112;
    internal const long Signal = 128;
    internal const long Flags = 136;
    internal const int SizeOf = 144;

    internal const ulong NoOwner = ulong.MaxValue;
    internal const uint NoPort = uint.MaxValue;
    internal const uint AcceptsAndReceives = 3;
}

/// <summary>struct posixfd_signal_desc.</summary>
internal static class SignalLayout
{
    internal const string PeerType = "posixfd";
    internal const int NameSize = 16;
    internal const long Descriptor = 16;
    internal const long IsWanted = 20;
    internal const int SizeOf = 24;
}

/// <summary>struct xq: a ring whose both ends move; entries are taken at the head.</summary>
internal static class QueueLayout
{
    internal const long Lock = 0;
    internal const long Head = 16;
    internal const long Tail = 24;

    /// <summary>Relative.</summary>
    internal const long Entries = 32;
    internal const long Capacity = 40;
    internal const int SizeOf = 48;
}

/// <summary>struct xseg_request.</summary>
internal static class RequestLayout
{
    internal const long Offset = 8;
    internal const long Size = 16;
    internal const long Serviced = 24;
    internal const long FirstVersionSize = 32;
    internal const long Data = 40;
    internal const long DataLength = 48;
    internal const long Target = 56;
    internal const long TargetLength = 64;
    internal const long Operation = 68;
    internal const long State = 72;
    internal const long Flags = 76;
    internal const long Source = 80;
    internal const long Transit = 84;
    internal const long Destination = 88;
    internal const long EffectiveDestination = 92;
    internal const long Path = 96;
    internal const long PathEntries = 144;
    internal const long Buffer = 400;
    internal const long BufferLength = 408;
    internal const int SizeOf = 456;

    internal const int PathCapacity = 32;
    internal const int MaxTarget = 256;

    internal const uint Served = 1;
    internal const uint Failed = 2;
}

/// <summary>Operations (X_…).</summary>
internal enum VolumeOperation : uint
{
    Read = 1,
    Write = 2,
    Info = 11,
    Close = 15,
    Flush = 20,
}
