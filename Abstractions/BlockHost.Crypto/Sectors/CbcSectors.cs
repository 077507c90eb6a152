// SPDX-License-Identifier: MIT
using BlockHost.Crypto.Ciphers;

namespace BlockHost.Crypto.Sectors;

/// <summary>
/// Cipher block chaining (NIST SP 800-38A, section 6.2): each block is combined with the one before it. Within a sector blocks
/// have to be encrypted one after another, so eight sectors go side by side.
/// </summary>
internal sealed class CbcSectors(BlockCipher blocks, IvGenerator iv) : SectorCipher(blocks, iv)
{
    private const int Size = BlockCipher.BlockBytes;
    private const int Lanes = 8;

    private protected override void EncryptSectors(ReadOnlySpan<byte> source, Span<byte> target, ulong sector)
    {
        Span<byte> chain = stackalloc byte[Lanes * Size];
        for (var done = 0; done < source.Length;)
        {
            var lanes = Math.Min(Lanes, (source.Length - done) / SectorBytes);
            for (var lane = 0; lane < lanes; lane++)
                Iv.Fill(sector++, chain.Slice(lane * Size, Size));
            for (var offset = 0; offset < SectorBytes; offset += Size)
                EncryptColumn(source[done..], target[done..], chain[..(lanes * Size)], offset);
            done += lanes * SectorBytes;
        }
    }

    private protected override void DecryptSectors(ReadOnlySpan<byte> source, Span<byte> target, ulong sector)
    {
        Span<byte> plain = stackalloc byte[SectorBytes];
        Span<byte> before = stackalloc byte[Size];
        for (var done = 0; done < source.Length; done += SectorBytes)
        {
            var encrypted = source.Slice(done, SectorBytes);
            Blocks.Decrypt(encrypted, plain);
            Iv.Fill(sector++, before);
            Xor.Into(plain[..Size], plain[..Size], before);
            Xor.Into(plain[Size..], plain[Size..], encrypted);
            plain.CopyTo(target[done..]);
        }
    }

    /// <summary>The block at one offset of each sector.</summary>
    private void EncryptColumn(ReadOnlySpan<byte> source, Span<byte> target, Span<byte> chain, int offset)
    {
        for (int lane = 0, at = offset; lane < chain.Length; lane += Size, at += SectorBytes)
            Xor.Into(chain.Slice(lane, Size), chain.Slice(lane, Size), source.Slice(at, Size));
        Blocks.Encrypt(chain, chain);
        for (int lane = 0, at = offset; lane < chain.Length; lane += Size, at += SectorBytes)
            chain.Slice(lane, Size).CopyTo(target[at..]);
    }
}
