// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using System.Text;
using BlockHost.Objects;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects.Types;

/// <summary>What all secrets have in common: raw or base64, plain or encrypted with AES-256-CBC by another secret.</summary>
internal static class SecretDecoding
{
    private const int KeyBytes = 32;
    private const int BlockBytes = 16;

    /// <param name="input">The result's from then on, or zeroed.</param>
    public static byte[] Decode(byte[] input, SecretFormat? format, string? keyId, string? iv, IUserObjects others)
    {
        if (keyId is null && format is not SecretFormat.Base64)
            return input;
        try
        {
            return keyId is null ? FromBase64(input) : Decrypt(input, format, iv, keyId, others);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(input);
        }
    }

    private static byte[] FromBase64(ReadOnlySpan<byte> text)
    {
        var letters = new char[text.Length];
        try
        {
            // A string could not be zeroed.
            Encoding.ASCII.GetChars(text, letters);
            return Convert.FromBase64CharArray(letters, 0, letters.Length);
        }
        catch (FormatException)
        {
            throw new QmpException("Base64 data contains invalid characters");
        }
        finally
        {
            Array.Clear(letters);
        }
    }

    private static ReadOnlyMemory<byte> Key(string keyId, IUserObjects others)
    {
        if (!others.TryGet<ISecret>(keyId, out var secret))
            throw new QmpException($"No secret with id '{keyId}'");
        return secret.Data.Length == KeyBytes
            ? secret.Data
            : throw new QmpException("Key should be 32 bytes in length");
    }

    // An encrypted secret is base64 unless the file holds it raw; QEMU decodes by "format" as well.
    private static byte[] Decrypt(byte[] input, SecretFormat? format, string? ivText, string keyId, IUserObjects others)
    {
        var key = Key(keyId, others);
        if (ivText is null)
            throw new QmpException("IV is required to decrypt secret");
        var iv = FromBase64(Encoding.UTF8.GetBytes(ivText));
        if (iv.Length != BlockBytes)
            throw new QmpException($"IV should be 16 bytes in length not {iv.Length}");
        var cipherText = format is SecretFormat.Base64 ? FromBase64(input) : input;
        if (cipherText.Length == 0 || cipherText.Length % BlockBytes != 0)
            throw new QmpException($"Length {cipherText.Length} must be a multiple of block size 16");

        using var aes = Aes.Create();
        aes.SetKey(key.Span);
        try
        {
            return aes.DecryptCbc(cipherText, iv);
        }
        catch (CryptographicException)
        {
            throw new QmpException("Incorrect number of padding bytes found on decrypted data");
        }
    }
}
