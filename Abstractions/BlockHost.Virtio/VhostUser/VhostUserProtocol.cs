// SPDX-License-Identifier: MIT
namespace BlockHost.Virtio.VhostUser;

/// <summary>What a front-end sends (vhost-user, "Front-end message types").</summary>
public enum FrontEndRequest : uint
{
    GetFeatures = 1,
    SetFeatures = 2,
    SetOwner = 3,
    ResetOwner = 4,
    SetMemTable = 5,
    SetLogBase = 6,
    SetLogFd = 7,
    SetVringNum = 8,
    SetVringAddr = 9,
    SetVringBase = 10,
    GetVringBase = 11,
    SetVringKick = 12,
    SetVringCall = 13,
    SetVringErr = 14,
    GetProtocolFeatures = 15,
    SetProtocolFeatures = 16,
    GetQueueNum = 17,
    SetVringEnable = 18,
    SetBackendReqFd = 21,
    GetConfig = 24,
    SetConfig = 25,
    GetInflightFd = 31,
    SetInflightFd = 32,
    ResetDevice = 34,
    GetMaxMemSlots = 36,
    AddMemReg = 37,
    RemMemReg = 38,
    SetStatus = 39,
    GetStatus = 40,
}

/// <summary>What a back-end sends by itself.</summary>
public enum BackEndRequest : uint
{
    ConfigChange = 2,
}

/// <summary>Parts of the protocol that both sides have to know (vhost-user, "Protocol features").</summary>
[Flags]
public enum ProtocolFeatures : ulong
{
    None = 0,
    MultiQueue = 1UL << 0,
    LogSharedMemory = 1UL << 1,
    ReplyAck = 1UL << 3,
    BackendRequests = 1UL << 5,
    Config = 1UL << 9,
    InFlightSharedMemory = 1UL << 12,
    ResetDevice = 1UL << 13,
    ConfigureMemorySlots = 1UL << 15,
    Status = 1UL << 16,
}

/// <summary>Of a message's header.</summary>
[Flags]
public enum MessageFlags : uint
{
    None = 0,
    Version = 1,
    VersionMask = 3,
    Reply = 4,
    NeedReply = 8,
}
