// SPDX-License-Identifier: MIT
namespace BlockHost.Crypto.Ciphers;

/// <summary>A cipher with one length of keys.</summary>
/// <param name="Family">As LUKS names it.</param>
internal sealed record CipherShape(CipherAlgorithm Algorithm, string Family, int KeyBytes)
{
    public const int BlockBytes = 16;
}

/// <summary>The ciphers there are; the others are known by name only.</summary>
internal static class CipherTable
{
    private static readonly CipherShape[] Shapes =
    [
        new(CipherAlgorithm.Aes128, "aes", 16),
        new(CipherAlgorithm.Aes192, "aes", 24),
        new(CipherAlgorithm.Aes256, "aes", 32),
    ];

    public static CipherShape? Find(CipherAlgorithm algorithm) => Array.Find(Shapes, shape => shape.Algorithm == algorithm);

    public static CipherShape? Find(string family, long keyBytes) =>
        Array.Find(Shapes, shape => shape.Family == family && shape.KeyBytes == keyBytes);

    /// <param name="key">As long as one of the shapes has it.</param>
    public static BlockCipher Create(ReadOnlySpan<byte> key) =>
        ProcessorAes.IsSupported ? new ProcessorAes(key) : new LibraryAes(key);
}
