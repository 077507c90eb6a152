// SPDX-License-Identifier: MIT
using BlockHost.Crypto.Ciphers;
using BlockHost.Crypto.Digests;
using BlockHost.Crypto.Sectors;

namespace BlockHost.Crypto.Luks;

/// <summary>The algorithms of a volume.</summary>
/// <param name="Digest">Of keys and of the anti-forensic split.</param>
public sealed record LuksSettings(CipherSpec Cipher, DigestAlgorithm Digest)
{
    internal string ModeText =>
        $"{QapiNames.Of(Cipher.Mode)}-{QapiNames.Of(Cipher.IvGenerator)}"
        + (Cipher.IvDigest is { } digest ? $":{QapiNames.Of(digest)}" : "");

    /// <exception cref="Block.BlockException">There is no such algorithm, or they do not go together.</exception>
    public static LuksSettings Parse(LuksHeader header)
    {
        var (mode, generator, ivDigest) = ParseMode(header.CipherMode);
        var digest = DigestOf(header.HashName);
        var keyBytes = mode == CipherMode.Xts ? header.KeyBytes / 2 : header.KeyBytes;
        var shape = CipherTable.Find(header.CipherName, keyBytes);
        if (shape is null || (mode == CipherMode.Xts && header.KeyBytes % 2 != 0))
            throw Refusal.Because($"Algorithm '{header.CipherName}' with key size {keyBytes} bytes not supported");
        if (generator == IvGeneratorAlgorithm.Essiv && ivDigest is null)
            throw Refusal.Because("Missing IV generator hash specification");
        var cipher = new CipherSpec(shape.Algorithm, mode, generator, ivDigest);
        cipher.Require();
        LuksHeaderChecks.RequireBoundedWork(header, Digests.Digest.Bytes(digest));
        return new LuksSettings(cipher, digest);
    }

    private static (CipherMode Mode, IvGeneratorAlgorithm Generator, DigestAlgorithm? Digest) ParseMode(string text)
    {
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0)
            throw Refusal.Because($"Unexpected cipher mode string format '{text}'");
        var (mode, rest) = (text[..dash], text[(dash + 1)..]);
        var colon = rest.IndexOf(':', StringComparison.Ordinal);
        var generator = colon < 0 ? rest : rest[..colon];
        DigestAlgorithm? digest = colon < 0 ? null : DigestOf(rest[(colon + 1)..]);
        return (
            QapiNames.FindMode(mode) ?? throw Refusal.Because($"Cipher mode '{mode}' not supported"),
            QapiNames.FindIvGenerator(generator) ?? throw Refusal.Because($"IV generator '{generator}' not supported"),
            digest);
    }

    private static DigestAlgorithm DigestOf(string name) =>
        QapiNames.FindDigest(name) ?? throw Refusal.Because($"Hash algorithm '{name}' not supported");
}
