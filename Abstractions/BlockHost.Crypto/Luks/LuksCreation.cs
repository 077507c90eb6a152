// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using BlockHost.Crypto.Digests;
using BlockHost.Crypto.Keys;
using BlockHost.Crypto.Sectors;

namespace BlockHost.Crypto.Luks;

/// <summary>What a new volume is to be like; null: QEMU's choice.</summary>
public record LuksCreateSettings
{
    public CipherAlgorithm? CipherAlg { get; init; }

    public CipherMode? CipherMode { get; init; }

    public IvGeneratorAlgorithm? IvgenAlg { get; init; }

    public DigestAlgorithm? IvgenHashAlg { get; init; }

    public DigestAlgorithm? HashAlg { get; init; }

    /// <summary>Milliseconds that trying a password takes on this machine.</summary>
    public long? IterTime { get; init; }
}

/// <summary>
/// A header to be, with its key:
/// <code>
///   0        4096                            payload
///   header   material 0 │ 1 │ … │ 7          disk           each material starts at a multiple of 4096
/// </code>
/// </summary>
public sealed class LuksCreation : IDisposable
{
    private const long UsualTime = 2000;

    private readonly ulong _milliseconds;
    private SecretBytes? _key;

    /// <exception cref="Block.BlockException">The settings do not go together.</exception>
    public LuksCreation(LuksCreateSettings settings)
    {
        var generator = settings.IvgenAlg ?? IvGeneratorAlgorithm.Plain64;
        var ivDigest = settings.IvgenHashAlg
            ?? (generator == IvGeneratorAlgorithm.Essiv ? DigestAlgorithm.Sha256 : null);
        var cipher = new CipherSpec(
            settings.CipherAlg ?? CipherAlgorithm.Aes256, settings.CipherMode ?? CipherMode.Xts, generator, ivDigest);
        cipher.Require();
        _ = Digest.Bytes(settings.HashAlg ?? DigestAlgorithm.Sha256);
        Settings = new LuksSettings(cipher, settings.HashAlg ?? DigestAlgorithm.Sha256);
        _milliseconds = (ulong)(settings.IterTime ?? UsualTime);
    }

    public LuksSettings Settings { get; }

    public SecretBytes Key => _key ??= SecretBytes.Random(Settings.Cipher.KeyBytes);

    /// <summary>Bytes of the header and all key material.</summary>
    public long HeaderBytes => LuksHeader.Alignment + LuksHeader.SlotCount * MaterialRoom;

    private long MaterialRoom
    {
        get
        {
            var bytes = (long)Settings.Cipher.KeyBytes * LuksHeader.StripeCount;
            return (bytes + LuksHeader.Alignment - 1) / LuksHeader.Alignment * LuksHeader.Alignment;
        }
    }

    /// <summary>Writes the header, with one slot for the password. The file is <see cref="HeaderBytes"/> long at least.</summary>
    public async ValueTask<LuksHeader> WriteAsync(
        LuksArea area, ReadOnlyMemory<byte> password, TimeProvider clock, CancellationToken cancellationToken)
    {
        var (header, iterations) = await Task.Run(() => Plan(area.NamesPayload, clock), cancellationToken).ConfigureAwait(false);
        return await LuksKeys.StoreAsync(
            area, header, Settings, 0, Key, password, iterations, cancellationToken).ConfigureAwait(false);
    }

    public void Dispose() => _key?.Dispose();

    private (LuksHeader Header, uint Iterations) Plan(bool namesPayload, TimeProvider clock)
    {
        var iterations = CountFor(Key.Length, divisor: 1, clock);
        // As many rounds make a key known as long as its password by an eighth: QEMU's measure.
        var keyIterations = CountFor(LuksHeader.DigestBytes, divisor: 8, clock);
        var salt = RandomNumberGenerator.GetBytes(LuksHeader.DigestSaltBytes);
        var header = new LuksHeader
        {
            CipherName = Settings.Cipher.Shape.Family,
            CipherMode = Settings.ModeText,
            HashName = QapiNames.Of(Settings.Digest),
            PayloadSector = namesPayload ? (uint)(HeaderBytes / LuksHeader.SectorBytes) : 0,
            KeyBytes = (uint)Key.Length,
            KeyDigestSalt = salt,
            KeyDigestIterations = keyIterations,
            KeyDigest = LuksKeys.DigestOf(Settings, Key.Span, salt, keyIterations),
            Uuid = Guid.NewGuid().ToString(),
            Slots = [.. Enumerable.Range(0, LuksHeader.SlotCount).Select(slot => new LuksSlot { KeySector = KeySector(slot) })],
        };
        return (header, iterations);
    }

    private uint KeySector(int slot) => (uint)((LuksHeader.Alignment + slot * MaterialRoom) / LuksHeader.SectorBytes);

    private uint CountFor(int keyBytes, uint divisor, TimeProvider clock) => IterationCount.For(
        Settings.Digest, keyBytes, _milliseconds, clock, divisor, LuksHeaderChecks.MostIterations / 4);
}
