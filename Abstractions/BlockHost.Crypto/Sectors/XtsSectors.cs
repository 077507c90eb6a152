// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Crypto.Ciphers;

namespace BlockHost.Crypto.Sectors;

/// <summary>
/// XTS (IEEE 1619) with any cipher: the initialisation vector, encrypted with a second key, is the first block's tweak, and each
/// further tweak is the one before it times x in GF(2^128).
/// <code>
///   tweak ──┬─────────────────────┐
///   block ─ ⊕ ─► encrypt (key 1) ─ ⊕ ─► encrypted block
/// </code>
/// </summary>
internal sealed class XtsSectors(BlockCipher blocks, BlockCipher tweaks, IvGenerator iv) : SectorCipher(blocks, iv)
{
    /// <summary>Sectors at once: a call of a library costs more than a sector.</summary>
    private const int Batch = 16;

    private const int BlockBytes = 16;

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
        Span<byte> tweak = stackalloc byte[Batch * SectorBytes];
        Span<byte> data = stackalloc byte[Batch * SectorBytes];
        for (var done = 0; done < source.Length;)
        {
            var bytes = Math.Min(data.Length, source.Length - done);
            var part = data[..bytes];
            var with = tweak[..bytes];
            FillTweaks(sector, with);
            Xor.Into(part, source.Slice(done, bytes), with);
            if (encrypts)
                Blocks.Encrypt(part, part);
            else
                Blocks.Decrypt(part, part);
            Xor.Into(target.Slice(done, bytes), part, with);
            done += bytes;
            sector += (ulong)(bytes / SectorBytes);
        }
    }

    private void FillTweaks(ulong sector, Span<byte> all)
    {
        var sectors = all.Length / SectorBytes;
        Span<byte> starts = stackalloc byte[Batch * BlockBytes];
        starts = starts[..(sectors * BlockBytes)];
        for (var i = 0; i < sectors; i++)
            Iv.Fill(sector++, starts.Slice(i * BlockBytes, BlockBytes));
        tweaks.Encrypt(starts, starts);
        for (var i = 0; i < sectors; i++)
            FillTweaks(starts.Slice(i * BlockBytes, BlockBytes), all.Slice(i * SectorBytes, SectorBytes));
    }

    private static void FillTweaks(ReadOnlySpan<byte> start, Span<byte> all)
    {
        var tweak = BinaryPrimitives.ReadUInt128LittleEndian(start);
        for (; !all.IsEmpty; all = all[BlockBytes..])
        {
            BinaryPrimitives.WriteUInt128LittleEndian(all, tweak);
            tweak = (tweak << 1) ^ ((tweak >> 127) * 0x87);
        }
    }
}
