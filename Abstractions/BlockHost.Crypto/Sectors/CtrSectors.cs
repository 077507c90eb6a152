// SPDX-License-Identifier: MIT
using BlockHost.Crypto.Ciphers;

namespace BlockHost.Crypto.Sectors;

/// <summary>
/// Counter mode (NIST SP 800-38A, section 6.5): what is encrypted is a number that begins with the initialisation vector, and the
/// data is combined with that.
/// </summary>
internal sealed class CtrSectors(BlockCipher blocks, IvGenerator iv) : SectorCipher(blocks, iv)
{
    private protected override void EncryptSectors(ReadOnlySpan<byte> source, Span<byte> target, ulong sector)
    {
        Span<byte> stream = stackalloc byte[SectorBytes];
        for (var done = 0; done < source.Length; done += SectorBytes)
        {
            Count(sector++, stream);
            Blocks.Encrypt(stream, stream);
            Xor.Into(target.Slice(done, SectorBytes), source.Slice(done, SectorBytes), stream);
        }
    }

    private protected override void DecryptSectors(ReadOnlySpan<byte> source, Span<byte> target, ulong sector) =>
        EncryptSectors(source, target, sector);

    private void Count(ulong sector, Span<byte> stream)
    {
        const int Size = BlockCipher.BlockBytes;
        Iv.Fill(sector, stream[..Size]);
        for (var next = Size; next < stream.Length; next += Size)
        {
            stream.Slice(next - Size, Size).CopyTo(stream[next..]);
            for (var i = next + Size - 1; i >= next && ++stream[i] == 0; i--)
            {
            }
        }
    }
}
