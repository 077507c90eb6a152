// SPDX-License-Identifier: MIT
namespace BlockHost.Nbd;

/// <summary>Magic numbers and sizes of the NBD protocol ("Values" in its doc/proto.md). All integers are big-endian.</summary>
public static class Wire
{
    /// <summary>"NBDMAGIC", starts the server's greeting.</summary>
    public const ulong GreetingMagic = 0x4e42444d41474943;

    /// <summary>"IHAVEOPT", second word of the greeting and start of every option.</summary>
    public const ulong OptionMagic = 0x49484156454F5054;

    public const ulong OptionReplyMagic = 0x0003e889045565a9;
    /// <summary>Second word of the greeting of servers from before 2011.</summary>
    public const ulong OldstyleMagic = 0x0000420281861253;

    public const uint RequestMagic = 0x25609513;
    public const uint SimpleReplyMagic = 0x67446698;
    public const uint StructuredReplyMagic = 0x668e33ef;

    public const int GreetingLength = 18;
    public const int ClientFlagsLength = 4;
    public const int OptionHeaderLength = 16;
    public const int OptionReplyHeaderLength = 20;
    public const int RequestLength = 28;
    public const int SimpleReplyLength = 16;
    public const int ChunkHeaderLength = 20;

    /// <summary>Chunk header and offset of an OFFSET_DATA chunk.</summary>
    public const int DataChunkHeaderLength = ChunkHeaderLength + 8;

    /// <summary>Longest name, description or query (proto.md, "Values": strings are at most 4096 bytes).</summary>
    public const int MaxStringLength = 4096;

    /// <summary>Largest payload of one request, told to clients as the maximum block size.</summary>
    public const int MaxPayload = 32 << 20;

    /// <summary>Errors have this bit in an option's reply.</summary>
    public const uint OptionErrorBit = 1u << 31;

    /// <summary>Errors have this bit in a chunk's type.</summary>
    public const ushort ChunkErrorBit = 1 << 15;

    /// <summary>Zeroes that end an EXPORT_NAME answer unless both sides said NO_ZEROES.</summary>
    public const int ExportNamePadding = 124;
}

[Flags]
public enum HandshakeFlags : ushort
{
    FixedNewstyle = 1,
    NoZeroes = 2,
}

public enum NbdOption : uint
{
    ExportName = 1,
    Abort = 2,
    List = 3,
    StartTls = 5,
    Info = 6,
    Go = 7,
    StructuredReply = 8,
    ListMetaContext = 9,
    SetMetaContext = 10,
}

public enum OptionReply : uint
{
    Ack = 1,
    Server = 2,
    Info = 3,
    MetaContext = 4,
    ErrUnsupported = 0x80000001,
    ErrPolicy = 0x80000002,
    ErrInvalid = 0x80000003,
    ErrPlatform = 0x80000004,
    ErrTlsRequired = 0x80000005,
    ErrUnknown = 0x80000006,
    ErrShutdown = 0x80000007,
    ErrBlockSizeRequired = 0x80000008,
    ErrTooBig = 0x80000009,
}

public enum InfoType : ushort
{
    Export = 0,
    Name = 1,
    Description = 2,
    BlockSize = 3,
}

[Flags]
public enum TransmissionFlags : ushort
{
    HasFlags = 1,
    ReadOnly = 2,
    SendFlush = 4,
    SendFua = 8,
    SendTrim = 0x20,
    SendWriteZeroes = 0x40,
    SendDontFragment = 0x80,
    CanMultiConn = 0x100,
    SendCache = 0x400,
    SendFastZero = 0x800,
}

public enum NbdCommand : ushort
{
    Read = 0,
    Write = 1,
    Disconnect = 2,
    Flush = 3,
    Trim = 4,
    Cache = 5,
    WriteZeroes = 6,
    BlockStatus = 7,
}

[Flags]
public enum CommandFlags : ushort
{
    None = 0,
    Fua = 1,
    NoHole = 2,
    DontFragment = 4,
    RequestOne = 8,
    FastZero = 16,
}

[Flags]
public enum ChunkFlags : ushort
{
    None = 0,
    Done = 1,
}

public enum ChunkType : ushort
{
    None = 0,
    OffsetData = 1,
    OffsetHole = 2,
    BlockStatus = 5,
    Error = 0x8001,
    ErrorOffset = 0x8002,
}

/// <summary>Error values on the wire: the only ones that the protocol defines.</summary>
public enum NbdError : uint
{
    None = 0,
    NotPermitted = 1,
    Io = 5,
    NoMemory = 12,
    Invalid = 22,
    NoSpace = 28,
    Overflow = 75,
    NotSupported = 95,
    Shutdown = 108,
}

/// <summary>Extent flags of qemu:dirty-bitmap:NAME.</summary>
[Flags]
public enum DirtyFlags : uint
{
    Clean = 0,
    Dirty = 1,
}

/// <summary>Extent flags of base:allocation.</summary>
[Flags]
public enum AllocationFlags : uint
{
    Data = 0,
    Hole = 1,
    Zero = 2,
}
