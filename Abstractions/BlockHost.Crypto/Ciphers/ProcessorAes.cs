// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using X86Aes = System.Runtime.Intrinsics.X86.Aes;

namespace BlockHost.Crypto.Ciphers;

/// <summary>AES by the processor's own instructions, eight blocks in flight.</summary>
internal sealed unsafe class ProcessorAes(ReadOnlySpan<byte> key) : BlockCipher
{
    private const int Block = 16;

    public static bool IsSupported => X86Aes.IsSupported && BitConverter.IsLittleEndian;

    public AesKeySchedule Keys { get; } = new(key);

    public override void Encrypt(ReadOnlySpan<byte> source, Span<byte> target)
    {
        var keys = Keys.Encryption;
        fixed (byte* from = source, to = target)
        {
            var (rounds, done) = (Keys.Rounds, 0);
            for (; done <= source.Length - EightBlocks.Bytes; done += EightBlocks.Bytes)
            {
                var blocks = EightBlocks.Load(from + done);
                blocks.Encrypt(keys, rounds);
                blocks.Store(to + done);
            }

            for (; done <= source.Length - Block; done += Block)
                EncryptOne(Vector128.Load(from + done), keys, rounds).Store(to + done);
        }

        GC.KeepAlive(this);
    }

    public override void Decrypt(ReadOnlySpan<byte> source, Span<byte> target)
    {
        var keys = Keys.Decryption;
        fixed (byte* from = source, to = target)
        {
            var (rounds, done) = (Keys.Rounds, 0);
            for (; done <= source.Length - EightBlocks.Bytes; done += EightBlocks.Bytes)
            {
                var blocks = EightBlocks.Load(from + done);
                blocks.Decrypt(keys, rounds);
                blocks.Store(to + done);
            }

            for (; done <= source.Length - Block; done += Block)
                DecryptOne(Vector128.Load(from + done), keys, rounds).Store(to + done);
        }

        GC.KeepAlive(this);
    }

    public override void Dispose() => Keys.Dispose();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> EncryptOne(Vector128<byte> block, Vector128<byte>* keys, int rounds)
    {
        block ^= keys[0];
        for (var i = 1; i < rounds; i++)
            block = X86Aes.Encrypt(block, keys[i]);
        return X86Aes.EncryptLast(block, keys[rounds]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> DecryptOne(Vector128<byte> block, Vector128<byte>* keys, int rounds)
    {
        block ^= keys[0];
        for (var i = 1; i < rounds; i++)
            block = X86Aes.Decrypt(block, keys[i]);
        return X86Aes.DecryptLast(block, keys[rounds]);
    }
}
