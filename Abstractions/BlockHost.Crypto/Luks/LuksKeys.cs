// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using BlockHost.Crypto.Digests;
using BlockHost.Crypto.Keys;
using BlockHost.Crypto.Sectors;

namespace BlockHost.Crypto.Luks;

/// <summary>
/// A volume's key out of its slots and into them:
/// <code>
///   password ─PBKDF2─► slot key ─► decrypts the key material ─merge stripes─► key, if its digest is the header's
/// </code>
/// Passwords are tried on the runtime's pool: that takes seconds, and ends early between slots only.
/// </summary>
public static class LuksKeys
{
    /// <summary>Tries all active slots in turn.</summary>
    /// <returns>The key; null: the password fits no slot.</returns>
    public static async ValueTask<SecretBytes?> UnlockAsync(
        LuksArea area,
        LuksHeader header,
        LuksSettings settings,
        ReadOnlyMemory<byte> password,
        CancellationToken cancellationToken)
    {
        for (var slot = 0; slot < LuksHeader.SlotCount; slot++)
        {
            var key = await UnlockAsync(area, header, settings, slot, password, cancellationToken).ConfigureAwait(false);
            if (key is not null)
                return key;
        }

        return null;
    }

    /// <summary>Tries one slot.</summary>
    /// <returns>The key; null: the slot is inactive, or the password is not its.</returns>
    public static async ValueTask<SecretBytes?> UnlockAsync(
        LuksArea area,
        LuksHeader header,
        LuksSettings settings,
        int slot,
        ReadOnlyMemory<byte> password,
        CancellationToken cancellationToken)
    {
        if (!header.Slots[slot].IsActive)
            return null;
        cancellationToken.ThrowIfCancellationRequested();
        var material = await area.ReadMaterialAsync(header, slot, cancellationToken).ConfigureAwait(false);
        return await Task.Run(
            () => TryUnlock(header, settings, header.Slots[slot], password.Span, material), cancellationToken)
            .ConfigureAwait(false);
    }

    /// <summary>
    /// Activates a slot that is inactive. It becomes active in one sector of the file, after all that it needs is durable: a
    /// power cut leaves the slot as it was, or as it is to be.
    /// </summary>
    /// <param name="header">With the slots that the file has.</param>
    /// <returns>The header with the slot.</returns>
    public static async ValueTask<LuksHeader> StoreAsync(
        LuksArea area,
        LuksHeader header,
        LuksSettings settings,
        int slot,
        SecretBytes key,
        ReadOnlyMemory<byte> password,
        uint iterations,
        CancellationToken cancellationToken)
    {
        var salted = header.Slots[slot] with
        {
            Iterations = iterations,
            Salt = RandomNumberGenerator.GetBytes(LuksSlot.SaltBytes),
            Stripes = LuksHeader.StripeCount,
        };
        var material = await Task.Run(
            () => Wrap(header, settings, salted, key, password.Span), cancellationToken).ConfigureAwait(false);
        await area.WriteMaterialAsync(header, slot, material, cancellationToken).ConfigureAwait(false);
        // A slot can lie over the end of a sector, so its salt comes before its state.
        await area.WriteHeaderAsync(header.With(slot, salted), cancellationToken).ConfigureAwait(false);
        var active = header.With(slot, salted with { State = LuksSlot.ActiveState });
        await area.WriteHeaderAsync(active, cancellationToken).ConfigureAwait(false);
        return active;
    }

    /// <summary>
    /// The slot becomes inactive, and then its key material random: once, as what a disk keeps of overwritten places no number of
    /// passes reaches.
    /// </summary>
    /// <returns>The header without the slot.</returns>
    public static async ValueTask<LuksHeader> EraseAsync(
        LuksArea area, LuksHeader header, int slot, CancellationToken cancellationToken)
    {
        var erased = header.With(
            slot,
            header.Slots[slot] with
            {
                State = LuksSlot.InactiveState,
                Iterations = 0,
                Salt = new byte[LuksSlot.SaltBytes],
            });
        try
        {
            await area.WriteHeaderAsync(erased, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            // Whoever wants the key gone wants that most, also where the header cannot be written.
            var noise = RandomNumberGenerator.GetBytes((int)header.MaterialBytes);
            await area.WriteMaterialAsync(header, slot, noise, CancellationToken.None).ConfigureAwait(false);
        }

        return erased;
    }

    /// <summary>What tells that a key is the volume's.</summary>
    internal static byte[] DigestOf(
        LuksSettings settings, ReadOnlySpan<byte> key, ReadOnlySpan<byte> salt, uint iterations)
    {
        var digest = new byte[LuksHeader.DigestBytes];
        Digest.DeriveKey(settings.Digest, key, salt, (int)iterations, digest);
        return digest;
    }

    private static SecretBytes? TryUnlock(
        LuksHeader header, LuksSettings settings, LuksSlot slot, ReadOnlySpan<byte> password, byte[] material)
    {
        using (var cipher = SlotCipher(header, settings, slot, password))
            cipher.Decrypt(material, material, 0);
        var key = new SecretBytes((int)header.KeyBytes);
        AntiForensicSplit.Merge(settings.Digest, material.AsSpan(0, key.Length * LuksHeader.StripeCount), key.Span);
        CryptographicOperations.ZeroMemory(material);
        var digest = DigestOf(settings, key.Span, header.KeyDigestSalt.Span, header.KeyDigestIterations);
        if (CryptographicOperations.FixedTimeEquals(digest, header.KeyDigest.Span))
            return key;
        key.Dispose();
        return null;
    }

    private static byte[] Wrap(
        LuksHeader header, LuksSettings settings, LuksSlot slot, SecretBytes key, ReadOnlySpan<byte> password)
    {
        var material = GC.AllocateArray<byte>((int)header.MaterialBytes, pinned: true);
        AntiForensicSplit.Split(settings.Digest, key.Span, material.AsSpan(0, key.Length * LuksHeader.StripeCount));
        using var cipher = SlotCipher(header, settings, slot, password);
        cipher.Encrypt(material, material, 0);
        return material;
    }

    private static SectorCipher SlotCipher(
        LuksHeader header, LuksSettings settings, LuksSlot slot, ReadOnlySpan<byte> password)
    {
        using var key = new SecretBytes((int)header.KeyBytes);
        Digest.DeriveKey(settings.Digest, password, slot.Salt.Span, (int)slot.Iterations, key.Span);
        return SectorCipher.Create(settings.Cipher, key.Span);
    }
}
