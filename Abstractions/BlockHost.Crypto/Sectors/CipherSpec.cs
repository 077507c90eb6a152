// SPDX-License-Identifier: MIT
using BlockHost.Crypto.Ciphers;
using BlockHost.Crypto.Digests;

namespace BlockHost.Crypto.Sectors;

/// <summary>How sectors are encrypted, but for the key.</summary>
/// <param name="IvDigest">Of <see cref="IvGeneratorAlgorithm.Essiv"/>; others do not use it.</param>
public sealed record CipherSpec(
    CipherAlgorithm Algorithm, CipherMode Mode, IvGeneratorAlgorithm IvGenerator, DigestAlgorithm? IvDigest = null)
{
    /// <summary>Bytes of a key; XTS takes two at once.</summary>
    /// <exception cref="BlockHost.Block.BlockException">The cipher is known by name only.</exception>
    public int KeyBytes => (Mode == CipherMode.Xts ? 2 : 1) * Shape.KeyBytes;

    internal CipherShape Shape => CipherTable.Find(Algorithm)
        ?? throw Refusal.Because($"Algorithm '{QapiNames.Of(Algorithm)}' not supported");

    /// <summary>The cipher that makes initialisation vectors, keyed with a hash of the volume's key.</summary>
    internal CipherShape EssivShape
    {
        get
        {
            var bytes = Digest.Bytes(IvDigest ?? DigestAlgorithm.Sha256);
            return CipherTable.Find(Shape.Family, bytes)
                ?? throw Refusal.Because($"No {Shape.Family.ToUpperInvariant()} cipher with key size {bytes} available");
        }
    }

    /// <exception cref="BlockHost.Block.BlockException">The parts do not go together, or are known by name only.</exception>
    public void Require()
    {
        _ = Shape;
        if (IvGenerator == IvGeneratorAlgorithm.Essiv)
            _ = EssivShape;
    }
}
