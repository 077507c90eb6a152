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
        // In QEMU's order, which is that of its messages where more than one thing is wrong.
        var (modeName, generatorName, ivDigestName) = SplitMode(header.CipherMode);
        DigestAlgorithm? ivDigest = ivDigestName is null ? null : DigestOf(ivDigestName);
        var mode = QapiNames.FindMode(modeName) ?? throw Refusal.Because($"Cipher mode '{modeName}' not supported");
        var keyBytes = mode == CipherMode.Xts ? header.KeyBytes / 2 : header.KeyBytes;
        var shape = CipherTable.Find(header.CipherName, keyBytes);
        if (shape is null || (mode == CipherMode.Xts && header.KeyBytes % 2 != 0))
            throw Refusal.Because($"Algorithm '{header.CipherName}' with key size {keyBytes} bytes not supported");
        var digest = DigestOf(header.HashName);
        var generator = QapiNames.FindIvGenerator(generatorName)
            ?? throw Refusal.Because($"IV generator '{generatorName}' not supported");
        if (generator == IvGeneratorAlgorithm.Essiv && ivDigest is null)
            throw Refusal.Because("Missing IV generator hash specification");
        var cipher = new CipherSpec(shape.Algorithm, mode, generator, ivDigest);
        cipher.Require();
        LuksHeaderChecks.RequireBoundedWork(header, Digests.Digest.Bytes(digest));
        return new LuksSettings(cipher, digest);
    }

    /// <summary>"cbc-essiv:sha256": mode, generator, and its hash where there is one.</summary>
    private static (string Mode, string Generator, string? Digest) SplitMode(string text)
    {
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0)
            throw Refusal.Because($"Unexpected cipher mode string format '{text}'");
        var rest = text[(dash + 1)..];
        var colon = rest.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? (text[..dash], rest, null) : (text[..dash], rest[..colon], rest[(colon + 1)..]);
    }

    private static DigestAlgorithm DigestOf(string name) =>
        QapiNames.FindDigest(name) ?? throw Refusal.Because($"Hash algorithm '{name}' not supported");
}
