// SPDX-License-Identifier: MIT
using BlockHost.Crypto.Ciphers;

namespace BlockHost.Crypto.Sectors;

/// <summary>Each block for itself: equal ones look alike.</summary>
internal sealed class EcbSectors(BlockCipher blocks, IvGenerator iv) : SectorCipher(blocks, iv)
{
    private protected override void EncryptSectors(ReadOnlySpan<byte> source, Span<byte> target, ulong sector) =>
        Blocks.Encrypt(source, target);

    private protected override void DecryptSectors(ReadOnlySpan<byte> source, Span<byte> target, ulong sector) =>
        Blocks.Decrypt(source, target);
}
