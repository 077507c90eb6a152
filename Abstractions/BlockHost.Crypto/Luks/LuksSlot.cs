// SPDX-License-Identifier: MIT
namespace BlockHost.Crypto.Luks;

/// <summary>One of the eight places of a header where the volume's key can lie, encrypted with a password.</summary>
public sealed record LuksSlot
{
    public const int Bytes = 48;
    public const int SaltBytes = 32;

    internal const uint ActiveState = 0x00AC71F3;
    internal const uint InactiveState = 0x0000DEAD;

    /// <summary>As stored; only two values make sense.</summary>
    public uint State { get; init; } = InactiveState;

    public bool IsActive => State == ActiveState;

    /// <summary>Of PBKDF2.</summary>
    public uint Iterations { get; init; }

    public ReadOnlyMemory<byte> Salt { get; init; } = new byte[SaltBytes];

    /// <summary>Where the key material begins, in sectors from the header's start.</summary>
    public uint KeySector { get; init; }

    /// <summary>Of the anti-forensic split.</summary>
    public uint Stripes { get; init; } = LuksHeader.StripeCount;
}
