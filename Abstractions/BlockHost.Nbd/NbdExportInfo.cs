// SPDX-License-Identifier: MIT
namespace BlockHost.Nbd;

/// <summary>What a server says of an export.</summary>
public sealed record NbdExportInfo
{
    /// <summary>Bytes; as the server says it, so up to 2^64.</summary>
    public ulong Size { get; init; }

    public TransmissionFlags Flags { get; init; }

    /// <summary>Null: the server did not say.</summary>
    public NbdBlockSizes? BlockSizes { get; init; }

    /// <summary>Null: the server gave none.</summary>
    public string? Description { get; init; }
}

/// <summary>What requests should look like, in bytes.</summary>
/// <param name="Minimum">Offsets and lengths are multiples of it.</param>
/// <param name="Maximum">The largest payload.</param>
public readonly record struct NbdBlockSizes(uint Minimum, uint Preferred, uint Maximum);
