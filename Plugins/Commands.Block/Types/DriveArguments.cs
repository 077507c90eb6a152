// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Commands.Block.Types;

internal sealed record BlockTrayArguments
{
    public required string NodeName { get; init; }

    /// <summary>Opens the tray (ejects the medium), or closes it; absent: it stays.</summary>
    public bool? Open { get; init; }

    /// <summary>
    /// Keeps the tray closed, or no longer; absent: as it was. Unlocks before it opens, and locks after it has closed.
    /// </summary>
    public bool? Locked { get; init; }
}

/// <summary>How a drive stands.</summary>
internal sealed record BlockTrayState
{
    /// <summary>There is a medium that can be read.</summary>
    public required bool HasMedium { get; init; }

    /// <summary>Absent: the drive has no tray, or does not say.</summary>
    public bool? TrayOpen { get; init; }

    /// <summary>The node keeps the tray closed.</summary>
    public required bool Locked { get; init; }

    /// <summary>Counts media: another number, another medium.</summary>
    public required long Generation { get; init; }
}

internal sealed record BlockScsiArguments
{
    public required string NodeName { get; init; }

    /// <summary>The command descriptor block, in base64.</summary>
    public required string Command { get; init; }

    /// <summary>Data for the device, in base64.</summary>
    public string? DataOut { get; init; }

    /// <summary>The most bytes that the device may answer.</summary>
    public uint? DataInLength { get; init; }

    /// <summary>Seconds after which the command is given up; default: 30.</summary>
    public uint? Timeout { get; init; }
}

/// <summary>What a SCSI device answered.</summary>
internal sealed record BlockScsiReply
{
    /// <summary>0: good; 2: the sense data says why not.</summary>
    public required byte Status { get; init; }

    /// <summary>In base64; absent: none.</summary>
    public string? Data { get; init; }

    /// <summary>In base64; absent: none.</summary>
    public string? Sense { get; init; }
}
