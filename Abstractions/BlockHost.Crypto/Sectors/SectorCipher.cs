// SPDX-License-Identifier: MIT
using BlockHost.Crypto.Ciphers;

namespace BlockHost.Crypto.Sectors;

/// <summary>
/// Encrypts sectors of 512 bytes, each for itself, by its number. Any number of threads can use it at once; nothing is allocated.
/// </summary>
public abstract class SectorCipher : IDisposable
{
    public const int SectorBytes = 512;

    private protected SectorCipher(BlockCipher blocks, IvGenerator iv) => (Blocks, Iv) = (blocks, iv);

    private protected BlockCipher Blocks { get; }

    private protected IvGenerator Iv { get; }

    /// <param name="key"><see cref="CipherSpec.KeyBytes"/> bytes.</param>
    /// <exception cref="BlockHost.Block.BlockException">The parts of <paramref name="spec"/> do not go together.</exception>
    public static SectorCipher Create(CipherSpec spec, ReadOnlySpan<byte> key)
    {
        spec.Require();
        if (key.Length != spec.KeyBytes)
            throw new ArgumentException($"A key has {spec.KeyBytes} bytes, not {key.Length}", nameof(key));
        var iv = IvGenerator.Create(spec, key);
        var blocks = CipherTable.Create(key[..spec.Shape.KeyBytes]);
        return spec.Mode switch
        {
            CipherMode.Xts => CreateXts(blocks, CipherTable.Create(key[spec.Shape.KeyBytes..]), iv),
            CipherMode.Cbc => new CbcSectors(blocks, iv),
            CipherMode.Ctr => new CtrSectors(blocks, iv),
            _ => new EcbSectors(blocks, iv),
        };
    }

    /// <param name="source">Whole sectors.</param>
    /// <param name="target">As long; the same memory or none of it.</param>
    /// <param name="sector">The first one's number.</param>
    public void Encrypt(ReadOnlySpan<byte> source, Span<byte> target, ulong sector)
    {
        Check(source, target);
        EncryptSectors(source, target, sector);
    }

    /// <inheritdoc cref="Encrypt"/>
    public void Decrypt(ReadOnlySpan<byte> source, Span<byte> target, ulong sector)
    {
        Check(source, target);
        DecryptSectors(source, target, sector);
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    private protected abstract void EncryptSectors(ReadOnlySpan<byte> source, Span<byte> target, ulong sector);

    private protected abstract void DecryptSectors(ReadOnlySpan<byte> source, Span<byte> target, ulong sector);

    private protected virtual void Dispose(bool disposing)
    {
        Blocks.Dispose();
        Iv.Dispose();
    }

    private static SectorCipher CreateXts(BlockCipher blocks, BlockCipher tweaks, IvGenerator iv) =>
        blocks is ProcessorAes data && tweaks is ProcessorAes tweak
            ? new ProcessorXtsSectors(data, tweak, iv)
            : new XtsSectors(blocks, tweaks, iv);

    private static void Check(ReadOnlySpan<byte> source, Span<byte> target)
    {
        if (source.Length % SectorBytes != 0 || target.Length != source.Length)
            throw new ArgumentException("Only whole sectors are encrypted");
    }
}
