// SPDX-License-Identifier: MIT
namespace BlockHost.Scsi;

/// <summary>
/// Commands that only ask and read (SPC-4, SBC-3, MMC-6), by operation code, and for those that have them by service action.
/// None of them changes the medium, the device's settings or another initiator's reservations.
/// </summary>
public static class ScsiCommands
{
    private const byte ServiceActionIn16 = 0x9E;
    private const byte MaintenanceIn = 0xA3;
    private const int ServiceActionMask = 0x1F;

    /// <summary>Whether <paramref name="command"/>, which sends no data, only asks or reads.</summary>
    public static bool OnlyAsks(ReadOnlySpan<byte> command) => command[0] switch
    {
        0x00 => true, // TEST UNIT READY
        0x03 => true, // REQUEST SENSE
        0x08 or 0x28 or 0xA8 or 0x88 => true, // READ (6), (10), (12), (16)
        0x12 => true, // INQUIRY
        0x1A or 0x5A => true, // MODE SENSE (6), (10)
        0x25 => true, // READ CAPACITY (10)
        0x42 or 0x43 => true, // READ SUB-CHANNEL, READ TOC
        0x46 => true, // GET CONFIGURATION
        0x4A => true, // GET EVENT STATUS NOTIFICATION
        0x4D => true, // LOG SENSE
        0x51 or 0x52 => true, // READ DISC INFORMATION, READ TRACK INFORMATION
        0x5E => true, // PERSISTENT RESERVE IN
        0xA0 => true, // REPORT LUNS
        0xAD => true, // READ DISC STRUCTURE
        0xBD => true, // MECHANISM STATUS
        0xBE => true, // READ CD
        ServiceActionIn16 => (command[1] & ServiceActionMask) is 0x10 or 0x12, // READ CAPACITY (16), GET LBA STATUS
        MaintenanceIn => (command[1] & ServiceActionMask) is 0x0A or 0x0C, // REPORT TARGET PORT GROUPS, … OPERATION CODES
        _ => false,
    };

    /// <summary>Length of a command by the group that its operation code is in; null: the group says nothing.</summary>
    public static int? LengthOf(byte operationCode) => (operationCode >> 5) switch
    {
        0 => 6,
        1 or 2 => 10,
        4 => 16,
        5 => 12,
        _ => null,
    };
}
