// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using BlockHost.Crypto.Ciphers;

namespace BlockHost.Crypto.Sectors;

/// <summary>
/// As <see cref="XtsSectors"/>, with AES of the processor: tweaks of eight sectors begin together, and then eight blocks at a
/// time go through all of it in registers.
/// </summary>
internal sealed unsafe class ProcessorXtsSectors(ProcessorAes blocks, ProcessorAes tweaks, IvGenerator iv)
    : SectorCipher(blocks, iv)
{
    private const int BlockBytes = 16;
    private const int Batch = 8;

    private protected override void EncryptSectors(ReadOnlySpan<byte> source, Span<byte> target, ulong sector) =>
        Run(source, target, sector, encrypts: true);

    private protected override void DecryptSectors(ReadOnlySpan<byte> source, Span<byte> target, ulong sector) =>
        Run(source, target, sector, encrypts: false);

    private protected override void Dispose(bool disposing)
    {
        tweaks.Dispose();
        base.Dispose(disposing);
    }

    private void Run(ReadOnlySpan<byte> source, Span<byte> target, ulong sector, bool encrypts)
    {
        Span<byte> starts = stackalloc byte[Batch * BlockBytes];
        fixed (byte* from = source, to = target)
        {
            for (var done = 0; done < source.Length;)
            {
                var sectors = Math.Min(Batch, (source.Length - done) / SectorBytes);
                for (var i = 0; i < sectors; i++)
                    Iv.Fill(sector++, starts.Slice(i * BlockBytes, BlockBytes));
                var used = starts[..(sectors * BlockBytes)];
                tweaks.Encrypt(used, used);
                foreach (var start in MemoryMarshal.Cast<byte, Vector128<ulong>>(used))
                {
                    if (encrypts)
                        EncryptSector(from + done, to + done, start);
                    else
                        DecryptSector(from + done, to + done, start);
                    done += SectorBytes;
                }
            }
        }

        GC.KeepAlive(this);
    }

    private void EncryptSector(byte* from, byte* to, Vector128<ulong> tweak)
    {
        var tweak8 = stackalloc Vector128<ulong>[Batch];
        var (keys, rounds) = ((nint)blocks.Keys.Encryption, blocks.Keys.Rounds);
        for (var done = 0; done < SectorBytes; done += EightBlocks.Bytes)
        {
            tweak = Fill(tweak8, tweak);
            var eight = EightBlocks.Load(from + done);
            eight.Xor((byte*)tweak8);
            eight.Encrypt((Vector128<byte>*)keys, rounds);
            eight.Xor((byte*)tweak8);
            eight.Store(to + done);
        }
    }

    private void DecryptSector(byte* from, byte* to, Vector128<ulong> tweak)
    {
        var tweak8 = stackalloc Vector128<ulong>[Batch];
        var (keys, rounds) = ((nint)blocks.Keys.Decryption, blocks.Keys.Rounds);
        for (var done = 0; done < SectorBytes; done += EightBlocks.Bytes)
        {
            tweak = Fill(tweak8, tweak);
            var eight = EightBlocks.Load(from + done);
            eight.Xor((byte*)tweak8);
            eight.Decrypt((Vector128<byte>*)keys, rounds);
            eight.Xor((byte*)tweak8);
            eight.Store(to + done);
        }
    }

    /// <returns>The tweak behind them.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> Fill(Vector128<ulong>* eight, Vector128<ulong> tweak)
    {
        for (var i = 0; i < Batch; i++)
        {
            eight[i] = tweak;
            tweak = Double(tweak);
        }

        return tweak;
    }

    /// <summary>Times x in GF(2^128): a shift by one, and what falls out comes back as 0x87.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> Double(Vector128<ulong> value)
    {
        // The highest bits of either half, where they go: of the upper one to the bottom, of the lower one into the upper half.
        var signs = Vector128.Shuffle(value.AsInt32(), Vector128.Create(3, 0, 1, 0)) >> 31;
        return (value + value) ^ (signs & Vector128.Create(0x87, 0, 1, 0)).AsUInt64();
    }
}
