// SPDX-License-Identifier: MIT
using BlockHost.Crypto.Ciphers;
using BlockHost.Crypto.Digests;
using BlockHost.Crypto.Sectors;

namespace BlockHost.Crypto.Tests;

/// <summary>Published vectors: FIPS 197, IEEE 1619 and RFC 6070.</summary>
public sealed class KnownAnswerTests
{
    /// <summary>FIPS 197 appendix C.</summary>
    [Theory]
    [InlineData(
        "000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff", "69c4e0d86a7b0430d8cdb78070b4c55a")]
    [InlineData(
        "000102030405060708090a0b0c0d0e0f1011121314151617",
        "00112233445566778899aabbccddeeff", "dda97ca4864cdfe06eaf70a0ec0d7191")]
    [InlineData(
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "00112233445566778899aabbccddeeff", "8ea2b7ca516745bfeafc49904b496089")]
    public void A_block_is_encrypted_as_published(string key, string plain, string encrypted)
    {
        using var cipher = CipherTable.Create(Convert.FromHexString(key));
        var block = Convert.FromHexString(plain);
        cipher.Encrypt(block, block);
        Assert.Equal(encrypted, Convert.ToHexStringLower(block));
        cipher.Decrypt(block, block);
        Assert.Equal(plain, Convert.ToHexStringLower(block));
    }

    /// <summary>IEEE 1619 annex B, vectors 4 and 10: a data unit of 512 bytes.</summary>
    [Theory]
    [InlineData(
        CipherAlgorithm.Aes128,
        "2718281828459045235360287471352631415926535897932384626433832795",
        0,
        "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c",
        "0a282df920147beabe421ee5319d0568")]
    [InlineData(
        CipherAlgorithm.Aes256,
        "2718281828459045235360287471352662497757247093699959574966967627"
            + "3141592653589793238462643383279502884197169399375105820974944592",
        255,
        "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b",
        "c4f36ffda9fcea70b9c6e693e148c151")]
    public void A_sector_is_encrypted_as_published(
        CipherAlgorithm algorithm, string key, ulong sector, string begins, string ends)
    {
        var spec = new CipherSpec(algorithm, CipherMode.Xts, IvGeneratorAlgorithm.Plain64);
        using var cipher = SectorCipher.Create(spec, Convert.FromHexString(key));
        var plain = Enumerable.Range(0, SectorCipher.SectorBytes).Select(i => (byte)i).ToArray();
        var bytes = plain.ToArray();
        cipher.Encrypt(bytes, bytes, sector);
        Assert.StartsWith(begins, Convert.ToHexStringLower(bytes), StringComparison.Ordinal);
        Assert.EndsWith(ends, Convert.ToHexStringLower(bytes), StringComparison.Ordinal);
        cipher.Decrypt(bytes, bytes, sector);
        Assert.Equal(plain, bytes);
    }

    [Theory]
    [InlineData(DigestAlgorithm.Sha1, 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6")]
    [InlineData(DigestAlgorithm.Sha1, 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957")]
    public void A_key_is_derived_as_published(DigestAlgorithm digest, int iterations, string expected)
    {
        var key = new byte[20];
        Digest.DeriveKey(digest, "password"u8, "salt"u8, iterations, key);
        Assert.Equal(expected, Convert.ToHexStringLower(key));
    }

    /// <summary>RFC 6070 has none for MD5: this is what OpenSSL and Python's hashlib derive.</summary>
    [Fact]
    public void A_key_is_derived_by_MD5_too()
    {
        var key = new byte[40];
        Digest.DeriveKey(DigestAlgorithm.Md5, "password"u8, "salt"u8, 3, key);
        Assert.Equal(
            "f6acd4bda3e4d3d831a5f61da9ca9d5c3877566e979f4928778d81be4f2e9433a31043bbf3945c35", Convert.ToHexStringLower(key));
    }
}
