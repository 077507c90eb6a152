// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Security.Cryptography;
using BlockHost.Crypto.Ciphers;
using BlockHost.Crypto.Digests;

namespace BlockHost.Crypto.Sectors;

/// <summary>Makes a sector's initialisation vector of its number.</summary>
internal abstract class IvGenerator : IDisposable
{
    /// <param name="key">The volume's, whole.</param>
    public static IvGenerator Create(CipherSpec spec, ReadOnlySpan<byte> key) => spec.IvGenerator switch
    {
        IvGeneratorAlgorithm.Plain => new Plain(uint.MaxValue),
        IvGeneratorAlgorithm.Plain64 => new Plain(ulong.MaxValue),
        _ => new Essiv(spec, key),
    };

    /// <param name="iv">One block of the cipher.</param>
    public abstract void Fill(ulong sector, Span<byte> iv);

    public virtual void Dispose()
    {
    }

    private static void Write(ulong sector, Span<byte> iv)
    {
        iv.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(iv, sector);
    }

    private sealed class Plain(ulong mask) : IvGenerator
    {
        public override void Fill(ulong sector, Span<byte> iv) => Write(sector & mask, iv);
    }

    private sealed class Essiv : IvGenerator
    {
        private readonly BlockCipher _cipher;

        public Essiv(CipherSpec spec, ReadOnlySpan<byte> key)
        {
            Span<byte> salt = stackalloc byte[Digest.LargestBytes];
            salt = salt[..Digest.Bytes(spec.IvDigest ?? DigestAlgorithm.Sha256)];
            Digest.Hash(spec.IvDigest ?? DigestAlgorithm.Sha256, key, salt);
            _cipher = CipherTable.Create(salt);
            CryptographicOperations.ZeroMemory(salt);
        }

        public override void Fill(ulong sector, Span<byte> iv)
        {
            Write(sector, iv);
            _cipher.Encrypt(iv, iv);
        }

        public override void Dispose() => _cipher.Dispose();
    }
}
