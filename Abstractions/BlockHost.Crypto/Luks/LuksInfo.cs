// SPDX-License-Identifier: MIT
using BlockHost.Qmp;

namespace BlockHost.Crypto.Luks;

/// <summary>QAPI QCryptoBlockInfoLUKSSlot.</summary>
[QapiName("QCryptoBlockInfoLUKSSlot")]
public sealed record LuksSlotInfo
{
    public required bool Active { get; init; }

    public long? Iters { get; init; }

    /// <summary>Bytes from the header's start.</summary>
    public required long KeyOffset { get; init; }

    public long? Stripes { get; init; }
}

/// <summary>QAPI QCryptoBlockInfoLUKS, in the order in which QEMU prints it.</summary>
[QapiName("QCryptoBlockInfoLUKS")]
public sealed record LuksInfo
{
    public required IvGeneratorAlgorithm IvgenAlg { get; init; }

    public required DigestAlgorithm HashAlg { get; init; }

    public required CipherAlgorithm CipherAlg { get; init; }

    public required string Uuid { get; init; }

    public DigestAlgorithm? IvgenHashAlg { get; init; }

    public required CipherMode CipherMode { get; init; }

    public required IReadOnlyList<LuksSlotInfo> Slots { get; init; }

    public required long PayloadOffset { get; init; }

    public required long MasterKeyIters { get; init; }

    public static LuksInfo Of(LuksHeader header, LuksSettings settings) => new()
    {
        IvgenAlg = settings.Cipher.IvGenerator,
        HashAlg = settings.Digest,
        CipherAlg = settings.Cipher.Algorithm,
        Uuid = header.Uuid,
        IvgenHashAlg = settings.Cipher.IvGenerator == IvGeneratorAlgorithm.Essiv ? settings.Cipher.IvDigest : null,
        CipherMode = settings.Cipher.Mode,
        Slots = [.. header.Slots.Select(Of)],
        PayloadOffset = header.PayloadOffset,
        MasterKeyIters = header.KeyDigestIterations,
    };

    private static LuksSlotInfo Of(LuksSlot slot) => new()
    {
        Active = slot.IsActive,
        Iters = slot.IsActive ? slot.Iterations : null,
        KeyOffset = (long)slot.KeySector * LuksHeader.SectorBytes,
        Stripes = slot.IsActive ? slot.Stripes : null,
    };
}
