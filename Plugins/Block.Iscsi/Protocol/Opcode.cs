// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Iscsi.Protocol;

/// <summary>Kinds of PDUs (RFC 7143, section 11.2.1.2). From 0x20 on: the target's.</summary>
internal enum Opcode : byte
{
    NopOut = 0x00,
    ScsiCommand = 0x01,
    TaskManagement = 0x02,
    Login = 0x03,
    DataOut = 0x05,
    Logout = 0x06,
    NopIn = 0x20,
    ScsiResponse = 0x21,
    TaskManagementResponse = 0x22,
    LoginResponse = 0x23,
    TextResponse = 0x24,
    DataIn = 0x25,
    LogoutResponse = 0x26,
    ReadyToTransfer = 0x31,
    AsyncMessage = 0x32,
    Reject = 0x3F,
}

/// <summary>Bits of a PDU's second byte.</summary>
internal static class PduFlags
{
    public const byte Final = 0x80;

    // SCSI Command (11.3.1), with the attribute "simple".
    public const byte Read = 0x40;
    public const byte Write = 0x20;
    public const byte Simple = 0x01;

    // SCSI Response and Data-In (11.4.1, 11.7.1).
    public const byte Overflow = 0x04;
    public const byte Underflow = 0x02;
    public const byte Status = 0x01;

    // Login (11.12).
    public const byte Transit = 0x80;
    public const byte Continue = 0x40;
}
