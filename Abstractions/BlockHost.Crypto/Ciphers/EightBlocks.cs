// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using X86Aes = System.Runtime.Intrinsics.X86.Aes;

namespace BlockHost.Crypto.Ciphers;

/// <summary>
/// Eight blocks in registers: a round of AES takes some cycles until its result is there, and the processor begins another one in
/// each of them.
/// </summary>
internal unsafe ref struct EightBlocks
{
    public const int Bytes = 8 * 16;

    private Vector128<byte> _b0, _b1, _b2, _b3, _b4, _b5, _b6, _b7;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static EightBlocks Load(byte* from)
    {
        EightBlocks blocks;
        blocks._b0 = Vector128.Load(from);
        blocks._b1 = Vector128.Load(from + 16);
        blocks._b2 = Vector128.Load(from + 32);
        blocks._b3 = Vector128.Load(from + 48);
        blocks._b4 = Vector128.Load(from + 64);
        blocks._b5 = Vector128.Load(from + 80);
        blocks._b6 = Vector128.Load(from + 96);
        blocks._b7 = Vector128.Load(from + 112);
        return blocks;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(byte* to)
    {
        _b0.Store(to);
        _b1.Store(to + 16);
        _b2.Store(to + 32);
        _b3.Store(to + 48);
        _b4.Store(to + 64);
        _b5.Store(to + 80);
        _b6.Store(to + 96);
        _b7.Store(to + 112);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Xor(byte* with)
    {
        _b0 ^= Vector128.Load(with);
        _b1 ^= Vector128.Load(with + 16);
        _b2 ^= Vector128.Load(with + 32);
        _b3 ^= Vector128.Load(with + 48);
        _b4 ^= Vector128.Load(with + 64);
        _b5 ^= Vector128.Load(with + 80);
        _b6 ^= Vector128.Load(with + 96);
        _b7 ^= Vector128.Load(with + 112);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Encrypt(Vector128<byte>* keys, int rounds)
    {
        Xor(keys[0]);
        for (var i = 1; i < rounds; i++)
        {
            var key = keys[i];
            _b0 = X86Aes.Encrypt(_b0, key);
            _b1 = X86Aes.Encrypt(_b1, key);
            _b2 = X86Aes.Encrypt(_b2, key);
            _b3 = X86Aes.Encrypt(_b3, key);
            _b4 = X86Aes.Encrypt(_b4, key);
            _b5 = X86Aes.Encrypt(_b5, key);
            _b6 = X86Aes.Encrypt(_b6, key);
            _b7 = X86Aes.Encrypt(_b7, key);
        }

        var last = keys[rounds];
        _b0 = X86Aes.EncryptLast(_b0, last);
        _b1 = X86Aes.EncryptLast(_b1, last);
        _b2 = X86Aes.EncryptLast(_b2, last);
        _b3 = X86Aes.EncryptLast(_b3, last);
        _b4 = X86Aes.EncryptLast(_b4, last);
        _b5 = X86Aes.EncryptLast(_b5, last);
        _b6 = X86Aes.EncryptLast(_b6, last);
        _b7 = X86Aes.EncryptLast(_b7, last);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Decrypt(Vector128<byte>* keys, int rounds)
    {
        Xor(keys[0]);
        for (var i = 1; i < rounds; i++)
        {
            var key = keys[i];
            _b0 = X86Aes.Decrypt(_b0, key);
            _b1 = X86Aes.Decrypt(_b1, key);
            _b2 = X86Aes.Decrypt(_b2, key);
            _b3 = X86Aes.Decrypt(_b3, key);
            _b4 = X86Aes.Decrypt(_b4, key);
            _b5 = X86Aes.Decrypt(_b5, key);
            _b6 = X86Aes.Decrypt(_b6, key);
            _b7 = X86Aes.Decrypt(_b7, key);
        }

        var last = keys[rounds];
        _b0 = X86Aes.DecryptLast(_b0, last);
        _b1 = X86Aes.DecryptLast(_b1, last);
        _b2 = X86Aes.DecryptLast(_b2, last);
        _b3 = X86Aes.DecryptLast(_b3, last);
        _b4 = X86Aes.DecryptLast(_b4, last);
        _b5 = X86Aes.DecryptLast(_b5, last);
        _b6 = X86Aes.DecryptLast(_b6, last);
        _b7 = X86Aes.DecryptLast(_b7, last);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Xor(Vector128<byte> key)
    {
        _b0 ^= key;
        _b1 ^= key;
        _b2 ^= key;
        _b3 ^= key;
        _b4 ^= key;
        _b5 ^= key;
        _b6 ^= key;
        _b7 ^= key;
    }
}
