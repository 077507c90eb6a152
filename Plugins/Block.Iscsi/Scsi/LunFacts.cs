// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Iscsi.Scsi;

/// <summary>SPC-4, 7.8: pages of vital product data.</summary>
internal enum VpdPage : byte
{
    Supported = 0x00,
    SerialNumber = 0x80,
    Identification = 0x83,
    BlockLimits = 0xB0,
    Provisioning = 0xB2,
}

/// <summary>How large a disk is.</summary>
/// <param name="Blocks">So many.</param>
/// <param name="BlockSize">Bytes: a power of two.</param>
/// <param name="IsThin">Blocks come and go (LBPME).</param>
/// <param name="HolesReadZero">Those that are gone read as zeroes (LBPRZ).</param>
internal sealed record Capacity(long Blocks, int BlockSize, bool IsThin, bool HolesReadZero)
{
    public long Length => Blocks * BlockSize;

    /// <summary>Blocks behind what commands of 10 bytes can name.</summary>
    public bool IsBeyondShortCommands => Blocks > uint.MaxValue;
}

/// <summary>What a device wants of requests (SBC-3, 6.5.3), in blocks; 0: it does not say.</summary>
internal sealed record BlockLimitsPage
{
    public long MaxTransfer { get; init; }

    public long OptimalTransfer { get; init; }

    public long MaxUnmap { get; init; }

    public long UnmapGranularity { get; init; }

    public long MaxWriteSame { get; init; }
}

/// <summary>What a device can do of thin provisioning (SBC-3, 6.5.4).</summary>
internal sealed record ProvisioningPage
{
    public bool Unmap { get; init; }

    public bool WriteSame16Unmaps { get; init; }

    public bool WriteSame10Unmaps { get; init; }
}

/// <summary>What a logical unit says of itself.</summary>
internal sealed record LunFacts
{
    public required byte DeviceType { get; init; }

    public required Capacity Capacity { get; init; }

    /// <summary>By which the disk is known again: its designators, and its serial number.</summary>
    public byte[] Identity { get; init; } = [];

    public bool IsWriteProtected { get; init; }

    /// <summary>Writes can be asked for up to the medium.</summary>
    public bool HasFua { get; init; }

    /// <summary>Writes may be in a volatile cache when they end; so it is unless the device says otherwise.</summary>
    public bool HasWriteCache { get; init; } = true;

    public BlockLimitsPage Limits { get; init; } = new();

    public ProvisioningPage Provisioning { get; init; } = new();
}

internal static class DeviceTypes
{
    public const byte Disk = 0x00;
    public const byte Cdrom = 0x05;

    /// <exception cref="BlockException">The device has no blocks to read.</exception>
    public static void Require(byte type)
    {
        if (type is not (Disk or Cdrom))
            throw new BlockException(
                BlockErrorKind.NotSupported, $"iSCSI: the LUN is no disk but {Name(type)}, which cannot be used as one");
    }

    private static string Name(byte type) => type switch
    {
        0x01 => "a tape",
        0x03 => "a processor device",
        0x08 => "a medium changer",
        0x0C => "a storage array controller",
        0x0D => "an enclosure",
        0x1F => "nothing at all",
        _ => $"a device of type 0x{type:x2}",
    };
}
