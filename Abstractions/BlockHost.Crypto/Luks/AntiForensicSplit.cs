// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Security.Cryptography;
using BlockHost.Crypto.Digests;
using BlockHost.Crypto.Sectors;

namespace BlockHost.Crypto.Luks;

/// <summary>
/// A key as many stripes that all are needed to have it back, so that it is gone when any one of them is (LUKS1 specification,
/// section 2.4):
/// <code>
///   stripe 0 (random) ─► ⊕ ─► diffuse ─► ⊕ ─► diffuse ─► … ⊕ ─► key
///                                stripe 1 (random)      last stripe
/// </code>
/// </summary>
internal static class AntiForensicSplit
{
    /// <param name="material">As many stripes as long as the key as there are to be.</param>
    public static void Split(DigestAlgorithm digest, ReadOnlySpan<byte> key, Span<byte> material)
    {
        RandomNumberGenerator.Fill(material[..^key.Length]);
        Join(digest, key, material, material[^key.Length..]);
    }

    public static void Merge(DigestAlgorithm digest, ReadOnlySpan<byte> material, Span<byte> key) =>
        Join(digest, material[^key.Length..], material, key);

    /// <summary>What is left of all stripes but the last, combined with <paramref name="last"/>.</summary>
    private static void Join(DigestAlgorithm digest, ReadOnlySpan<byte> last, ReadOnlySpan<byte> material, Span<byte> result)
    {
        Span<byte> state = stackalloc byte[last.Length];
        state.Clear();
        for (var stripe = 0; stripe < material.Length - last.Length; stripe += last.Length)
        {
            Xor.Into(state, state, material.Slice(stripe, last.Length));
            Diffuse(digest, state);
        }

        Xor.Into(result, state, last);
        CryptographicOperations.ZeroMemory(state);
    }

    /// <summary>Each part that is as long as a hash becomes the hash of its number and itself.</summary>
    private static void Diffuse(DigestAlgorithm digest, Span<byte> state)
    {
        var size = Digest.Bytes(digest);
        Span<byte> input = stackalloc byte[sizeof(uint) + Digest.LargestBytes];
        Span<byte> hash = stackalloc byte[Digest.LargestBytes];
        for (int part = 0, done = 0; done < state.Length; part++, done += size)
        {
            var bytes = state[done..Math.Min(done + size, state.Length)];
            BinaryPrimitives.WriteInt32BigEndian(input, part);
            bytes.CopyTo(input[sizeof(uint)..]);
            Digest.Hash(digest, input[..(sizeof(uint) + bytes.Length)], hash[..size]);
            hash[..bytes.Length].CopyTo(bytes);
        }

        CryptographicOperations.ZeroMemory(input);
        CryptographicOperations.ZeroMemory(hash);
    }
}
