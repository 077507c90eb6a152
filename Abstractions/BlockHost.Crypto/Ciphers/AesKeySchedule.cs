// SPDX-License-Identifier: MIT
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using BlockHost.Crypto.Keys;
using X86Aes = System.Runtime.Intrinsics.X86.Aes;

namespace BlockHost.Crypto.Ciphers;

/// <summary>
/// The round keys of AES (FIPS 197, section 5.2) for the processor's instructions: first those to encrypt, then those to decrypt.
/// </summary>
internal sealed unsafe class AesKeySchedule : IDisposable
{
    private const int RoundKeyBytes = 16;

    private readonly SecretBytes _keys;

    /// <param name="key">16, 24 or 32 bytes.</param>
    public AesKeySchedule(ReadOnlySpan<byte> key)
    {
        Rounds = key.Length / sizeof(uint) + 6;
        _keys = new SecretBytes(2 * (Rounds + 1) * RoundKeyBytes);
        Expand(key, MemoryMarshal.Cast<byte, uint>(_keys.Span)[..((Rounds + 1) * 4)]);
        for (var i = 0; i <= Rounds; i++)
        {
            var key128 = Encryption[Rounds - i];
            Decryption[i] = i == 0 || i == Rounds ? key128 : X86Aes.InverseMixColumns(key128);
        }
    }

    public int Rounds { get; }

    public Vector128<byte>* Encryption => (Vector128<byte>*)_keys.Address;

    public Vector128<byte>* Decryption => Encryption + Rounds + 1;

    public void Dispose() => _keys.Dispose();

    private static void Expand(ReadOnlySpan<byte> key, Span<uint> words)
    {
        var keyWords = key.Length / sizeof(uint);
        MemoryMarshal.Cast<byte, uint>(key).CopyTo(words);
        uint constant = 1;
        for (var i = keyWords; i < words.Length; i++)
        {
            var word = words[i - 1];
            if (i % keyWords == 0)
            {
                word = BitOperations.RotateRight(Substitute(word), 8) ^ constant;
                constant = (constant << 1) ^ (constant >> 7) * 0x11b;
            }
            else if (keyWords > 6 && i % keyWords == 4)
            {
                word = Substitute(word);
            }

            words[i] = words[i - keyWords] ^ word;
        }
    }

    /// <summary>The S-box for each byte, in the same time for all.</summary>
    private static uint Substitute(uint word) => X86Aes.KeygenAssist(Vector128.Create(word).AsByte(), 0).AsUInt32().ToScalar();
}
