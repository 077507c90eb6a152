// SPDX-License-Identifier: MIT
namespace BlockHost.Crypto.Sectors;

/// <summary>
/// The encryption that qcow images had before LUKS: AES-128-CBC, whose key is the password itself, cut to 16 bytes or filled up
/// with zeroes. Nothing tells a wrong password.
/// </summary>
public static class LegacyAes
{
    private const int KeyBytes = 16;

    public static SectorCipher Create(ReadOnlySpan<byte> password)
    {
        using var key = new Keys.SecretBytes(KeyBytes);
        password[..Math.Min(password.Length, KeyBytes)].CopyTo(key.Span);
        var spec = new CipherSpec(CipherAlgorithm.Aes128, CipherMode.Cbc, IvGeneratorAlgorithm.Plain64);
        return SectorCipher.Create(spec, key.Span);
    }
}
