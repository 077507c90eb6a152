// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Iscsi.Scsi;

/// <summary>SPC-4, table 43.</summary>
internal enum SenseKey : byte
{
    NoSense = 0x0,
    RecoveredError = 0x1,
    NotReady = 0x2,
    MediumError = 0x3,
    HardwareError = 0x4,
    IllegalRequest = 0x5,
    UnitAttention = 0x6,
    DataProtection = 0x7,
    BlankCheck = 0x8,
    VendorSpecific = 0x9,
    CopyAborted = 0xA,
    CommandAborted = 0xB,
    Overflow = 0xD,
    Miscompare = 0xE,
}

/// <summary>Why a command ended in CHECK CONDITION (SPC-4, section 4.5).</summary>
/// <param name="Code">Additional sense code and its qualifier.</param>
/// <param name="IsDeferred">It is about a command that had ended well before; this one was not carried out.</param>
internal readonly record struct Sense(SenseKey Key, ushort Code, bool IsDeferred)
{
    public const ushort InvalidOperationCode = 0x2000;
    public const ushort InvalidFieldInCdb = 0x2400;
    public const ushort CapacityChanged = 0x2A09;

    private const byte Fixed = 0x70;
    private const byte Descriptors = 0x72;
    private const byte FormatMask = 0x7E;
    private const byte DeferredBit = 0x01;
    private const int KeyMask = 0xF;

    // Of Linux; the contract has no names for these.
    private const int NotConnected = 107;
    private const int InProgress = 115;

    /// <summary>The device was reset, or has lost its power: 29 01 and others.</summary>
    private const int ResetGroup = 0x29;

    /// <summary>Only the way to it was lost (29 07), and none of its state.</summary>
    private const ushort NexusLoss = 0x2907;

    /// <summary>The target, or its way to it, may have lost what it had in its cache.</summary>
    public bool IsReset => Key == SenseKey.UnitAttention && Code >> 8 == ResetGroup && Code != NexusLoss;

    /// <summary>The target does not know the command, or not with these parameters.</summary>
    public bool IsUnsupported => Key == SenseKey.IllegalRequest && Code is InvalidOperationCode or InvalidFieldInCdb;

    /// <summary>The same command may end well at once.</summary>
    public bool MayPass => IsDeferred || Key is SenseKey.NoSense or SenseKey.RecoveredError or SenseKey.UnitAttention;

    /// <summary>As QEMU's.</summary>
    public int Errno => (Key, Code) switch
    {
        (SenseKey.CommandAborted, _) => BlockHost.Block.Errno.ECANCELED,
        (not (SenseKey.NotReady or SenseKey.IllegalRequest or SenseKey.DataProtection), _) => BlockHost.Block.Errno.EIO,
        (_, 0x1A00 or InvalidOperationCode or InvalidFieldInCdb or 0x2600) => BlockHost.Block.Errno.EINVAL,
        (_, 0x2100 or 0x2707) => BlockHost.Block.Errno.ENOSPC,
        (_, 0x2500) => BlockHost.Block.Errno.ENOTSUP,
        (_, 0x3A00 or 0x3A01 or 0x3A02) => BlockHost.Block.Errno.ENOMEDIUM,
        (_, 0x2700) => BlockHost.Block.Errno.EACCES,
        (_, 0x0401) => InProgress,
        (_, 0x0402) => NotConnected,
        _ => BlockHost.Block.Errno.EIO,
    };

    public static Sense Parse(ReadOnlySpan<byte> bytes)
    {
        const int longEnough = 4;
        const int codeInFixed = 12;
        if (bytes.Length < longEnough)
            return default;
        var isDeferred = (bytes[0] & DeferredBit) != 0;
        switch (bytes[0] & FormatMask)
        {
            case Fixed:
                var code = bytes.Length >= codeInFixed + 2 ? Code16(bytes[codeInFixed..]) : (ushort)0;
                return new((SenseKey)(bytes[2] & KeyMask), code, isDeferred);
            case Descriptors:
                return new((SenseKey)(bytes[1] & KeyMask), Code16(bytes[2..]), isDeferred);
            default:
                // Bytes of no format are no reason to try again.
                return new(SenseKey.HardwareError, 0, IsDeferred: false);
        }
    }

    /// <summary>In libiscsi's words.</summary>
    public override string ToString() => $"SENSE KEY:{KeyName}({(int)Key}) ASCQ:{CodeName}(0x{Code:x4})";

    private string KeyName => Key switch
    {
        SenseKey.NoSense => "NO SENSE",
        SenseKey.RecoveredError => "RECOVERED ERROR",
        SenseKey.NotReady => "NOT READY",
        SenseKey.MediumError => "MEDIUM ERROR",
        SenseKey.HardwareError => "HARDWARE ERROR",
        SenseKey.IllegalRequest => "ILLEGAL_REQUEST",
        SenseKey.UnitAttention => "UNIT_ATTENTION",
        SenseKey.DataProtection => "DATA PROTECTION",
        SenseKey.BlankCheck => "BLANK CHECK",
        SenseKey.CopyAborted => "COPY ABORTED",
        SenseKey.CommandAborted => "COMMAND ABORTED",
        SenseKey.Overflow => "OVERFLOW_COMMAND",
        SenseKey.Miscompare => "MISCOMPARE",
        _ => "vendor specific",
    };

    private string CodeName => Code switch
    {
        0x0401 => "BECOMING READY",
        0x0402 => "INITIALIZING COMMAND REQUIRED",
        0x0C00 => "WRITE ERROR",
        0x1100 => "UNRECOVERED READ ERROR",
        0x1A00 => "PARAMETER_LIST_LENGTH_ERROR",
        InvalidOperationCode => "INVALID_OPERATION_CODE",
        0x2100 => "LBA_OUT_OF_RANGE",
        InvalidFieldInCdb => "INVALID_FIELD_IN_CDB",
        0x2500 => "LOGICAL_UNIT_NOT_SUPPORTED",
        0x2600 => "INVALID_FIELD_IN_PARAMETER_LIST",
        0x2700 => "WRITE_PROTECTED",
        0x2707 => "SPACE ALLOCATION FAILED WRITE PROTECT",
        0x2900 => "POWER_ON_OCCURED",
        0x2A01 => "MODE PARAMETERS CHANGED",
        CapacityChanged => "CAPACITY_DATA_HAS_CHANGED",
        0x3A00 => "MEDIUM_NOT_PRESENT",
        0x3F0E => "REPORTED_LUNS_DATA_HAS_CHANGED",
        0x4400 => "INTERNAL_TARGET_FAILURE",
        _ => "unknown",
    };

    private static ushort Code16(ReadOnlySpan<byte> bytes) => (ushort)((bytes[0] << 8) | bytes[1]);
}
