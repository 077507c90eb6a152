// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Security.Cryptography;
using BlockHost.Crypto.Sectors;

namespace BlockHost.Crypto.Digests;

/// <summary>The hash functions that the runtime has, and keys derived with them.</summary>
internal static class Digest
{
    public const int LargestBytes = 64;

    /// <exception cref="BlockHost.Block.BlockException">The hash is known by name only.</exception>
    public static int Bytes(DigestAlgorithm algorithm) => algorithm switch
    {
        DigestAlgorithm.Md5 => MD5.HashSizeInBytes,
        DigestAlgorithm.Sha1 => SHA1.HashSizeInBytes,
        DigestAlgorithm.Sha256 => SHA256.HashSizeInBytes,
        DigestAlgorithm.Sha384 => SHA384.HashSizeInBytes,
        DigestAlgorithm.Sha512 => SHA512.HashSizeInBytes,
        _ => throw Unsupported(algorithm),
    };

    /// <param name="target"><see cref="Bytes"/> long.</param>
    public static void Hash(DigestAlgorithm algorithm, ReadOnlySpan<byte> source, Span<byte> target) =>
        CryptographicOperations.HashData(NameOf(algorithm), source, target);

    /// <summary>PBKDF2 (RFC 8018, section 5.2) with HMAC.</summary>
    public static void DeriveKey(
        DigestAlgorithm algorithm, ReadOnlySpan<byte> password, ReadOnlySpan<byte> salt, int iterations, Span<byte> target)
    {
        // The runtime derives nothing by MD5.
        if (algorithm == DigestAlgorithm.Md5)
            DeriveByMd5(password, salt, iterations, target);
        else
            Rfc2898DeriveBytes.Pbkdf2(password, salt, target, iterations, NameOf(algorithm));
    }

    private static void DeriveByMd5(ReadOnlySpan<byte> password, ReadOnlySpan<byte> salt, int iterations, Span<byte> target)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.MD5, password);
        Span<byte> number = stackalloc byte[sizeof(int)];
        Span<byte> round = stackalloc byte[MD5.HashSizeInBytes];
        Span<byte> sum = stackalloc byte[MD5.HashSizeInBytes];
        for (var part = 1; !target.IsEmpty; part++)
        {
            BinaryPrimitives.WriteInt32BigEndian(number, part);
            hmac.AppendData(salt);
            hmac.AppendData(number);
            hmac.GetHashAndReset(round);
            round.CopyTo(sum);
            for (var i = 1; i < iterations; i++)
            {
                hmac.AppendData(round);
                hmac.GetHashAndReset(round);
                Xor.Into(sum, sum, round);
            }

            var bytes = Math.Min(sum.Length, target.Length);
            sum[..bytes].CopyTo(target);
            target = target[bytes..];
        }

        CryptographicOperations.ZeroMemory(sum);
    }

    private static HashAlgorithmName NameOf(DigestAlgorithm algorithm) => algorithm switch
    {
        DigestAlgorithm.Md5 => HashAlgorithmName.MD5,
        DigestAlgorithm.Sha1 => HashAlgorithmName.SHA1,
        DigestAlgorithm.Sha256 => HashAlgorithmName.SHA256,
        DigestAlgorithm.Sha384 => HashAlgorithmName.SHA384,
        DigestAlgorithm.Sha512 => HashAlgorithmName.SHA512,
        _ => throw Unsupported(algorithm),
    };

    private static BlockHost.Block.BlockException Unsupported(DigestAlgorithm algorithm) =>
        Refusal.Because($"Hash algorithm '{QapiNames.Of(algorithm)}' not supported");
}
