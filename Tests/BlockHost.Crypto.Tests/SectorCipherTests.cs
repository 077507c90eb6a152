// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Crypto.Ciphers;
using BlockHost.Crypto.Sectors;

namespace BlockHost.Crypto.Tests;

/// <summary>What holds for all modes, and both implementations of AES beside each other.</summary>
public sealed class SectorCipherTests
{
    private const int SectorBytes = SectorCipher.SectorBytes;

    public static TheoryData<CipherMode, IvGeneratorAlgorithm> Modes
    {
        get
        {
            var all = new TheoryData<CipherMode, IvGeneratorAlgorithm>();
            foreach (var mode in Enum.GetValues<CipherMode>())
            {
                foreach (var generator in Enum.GetValues<IvGeneratorAlgorithm>())
                    all.Add(mode, generator);
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Sectors_come_back_however_they_were_grouped(CipherMode mode, IvGeneratorAlgorithm generator)
    {
        using var cipher = Create(new CipherSpec(CipherAlgorithm.Aes256, mode, generator));
        var plain = RandomBytes(19 * SectorBytes);
        var together = new byte[plain.Length];
        cipher.Encrypt(plain, together, 1000);
        var single = plain.ToArray();
        for (var i = 0; i < 19; i++)
        {
            var sector = single.AsSpan(i * SectorBytes, SectorBytes);
            cipher.Encrypt(sector, sector, 1000u + (uint)i);
        }

        Assert.Equal(together, single);

        cipher.Decrypt(single.AsSpan(0, 5 * SectorBytes), single.AsSpan(0, 5 * SectorBytes), 1000);
        cipher.Decrypt(together.AsSpan(5 * SectorBytes), single.AsSpan(5 * SectorBytes), 1005);
        Assert.Equal(plain, single);
    }

    [Theory]
    [InlineData(CipherMode.Xts, false)]
    [InlineData(CipherMode.Cbc, false)]
    [InlineData(CipherMode.Ctr, false)]
    [InlineData(CipherMode.Ecb, true)]
    public void Equal_sectors_look_alike_in_ECB_only(CipherMode mode, bool alike)
    {
        using var cipher = Create(new CipherSpec(CipherAlgorithm.Aes128, mode, IvGeneratorAlgorithm.Plain64));
        var bytes = new byte[2 * SectorBytes];
        cipher.Encrypt(bytes, bytes, 0);
        Assert.Equal(alike, bytes.AsSpan(0, SectorBytes).SequenceEqual(bytes.AsSpan(SectorBytes)));
    }

    [Fact]
    public void Plain_counts_with_32_bits_and_plain64_with_all()
    {
        var plain = new CipherSpec(CipherAlgorithm.Aes128, CipherMode.Xts, IvGeneratorAlgorithm.Plain);
        Assert.Equal(Encrypt(plain, 7), Encrypt(plain, 7 + (1UL << 32)));
        var plain64 = plain with { IvGenerator = IvGeneratorAlgorithm.Plain64 };
        Assert.NotEqual(Encrypt(plain64, 7), Encrypt(plain64, 7 + (1UL << 32)));
    }

    [SkippableTheory]
    [InlineData(16)]
    [InlineData(24)]
    [InlineData(32)]
    public void The_processor_and_the_library_agree(int keyBytes)
    {
        Skip.IfNot(ProcessorAes.IsSupported, "needs AES instructions");
        var key = RandomBytes(keyBytes);
        using var processor = new ProcessorAes(key);
        using var library = new LibraryAes(key);
        var plain = RandomBytes(21 * 16);
        var (mine, theirs) = (new byte[plain.Length], new byte[plain.Length]);
        processor.Encrypt(plain, mine);
        library.Encrypt(plain, theirs);
        Assert.Equal(theirs, mine);
        processor.Decrypt(plain, mine);
        library.Decrypt(plain, theirs);
        Assert.Equal(theirs, mine);
    }

    [SkippableFact]
    public void XTS_of_the_processor_and_of_any_cipher_agree()
    {
        Skip.IfNot(ProcessorAes.IsSupported, "needs AES instructions");
        var spec = new CipherSpec(CipherAlgorithm.Aes256, CipherMode.Xts, IvGeneratorAlgorithm.Plain64);
        var key = RandomBytes(64);
        using var fast = SectorCipher.Create(spec, key);
        using var any = new XtsSectors(
            new LibraryAes(key.AsSpan(0, 32)), new LibraryAes(key.AsSpan(32)), IvGenerator.Create(spec, key));
        var bytes = RandomBytes(35 * SectorBytes);
        var (left, right) = (new byte[bytes.Length], new byte[bytes.Length]);
        fast.Encrypt(bytes, left, ulong.MaxValue - 3);
        any.Encrypt(bytes, right, ulong.MaxValue - 3);
        Assert.Equal(right, left);
        fast.Decrypt(bytes, left, 5);
        any.Decrypt(bytes, right, 5);
        Assert.Equal(right, left);
    }

    [Theory]
    [InlineData(CipherAlgorithm.TripleDes, CipherMode.Cbc, "Algorithm '3des' not supported")]
    [InlineData(CipherAlgorithm.Serpent256, CipherMode.Xts, "Algorithm 'serpent-256' not supported")]
    public void What_is_known_by_name_only_is_refused(CipherAlgorithm algorithm, CipherMode mode, string message)
    {
        var spec = new CipherSpec(algorithm, mode, IvGeneratorAlgorithm.Plain64);
        Assert.Equal(message, Assert.Throws<BlockException>(spec.Require).Message);
    }

    [Fact]
    public void Essiv_needs_a_hash_as_long_as_a_key()
    {
        var spec = new CipherSpec(
            CipherAlgorithm.Aes256, CipherMode.Cbc, IvGeneratorAlgorithm.Essiv, DigestAlgorithm.Sha1);
        Assert.Equal("No AES cipher with key size 20 available", Assert.Throws<BlockException>(spec.Require).Message);
    }

    [Fact]
    public async Task A_request_is_decrypted_whatever_its_buffers_are_and_however_large()
    {
        using var cipher = Create(new CipherSpec(CipherAlgorithm.Aes256, CipherMode.Xts, IvGeneratorAlgorithm.Plain64));
        var requests = new SectorRequests(cipher);
        foreach (var sectors in new[] { 1, 7, 1023, 4096 })
        {
            var plain = RandomBytes(sectors * SectorBytes);
            var encrypted = new byte[plain.Length];
            await requests.EncryptAsync(plain, encrypted, 3);
            var expected = new byte[plain.Length];
            cipher.Encrypt(plain, expected, 3);
            Assert.True(expected.AsSpan().SequenceEqual(encrypted));
            foreach (var cut in new[] { 0, 100, SectorBytes })
            {
                var copy = encrypted.ToArray();
                var vector = new IoVector();
                vector.Add(copy.AsMemory(0, Math.Min(cut, copy.Length)));
                vector.Add(copy.AsMemory(Math.Min(cut, copy.Length)));
                await requests.DecryptAsync(vector, 3);
                Assert.True(plain.AsSpan().SequenceEqual(copy));
            }
        }
    }

    [Fact]
    public void Nothing_is_allocated_for_a_request()
    {
        using var cipher = Create(new CipherSpec(CipherAlgorithm.Aes256, CipherMode.Xts, IvGeneratorAlgorithm.Plain64));
        var requests = new SectorRequests(cipher);
        var (plain, encrypted) = (new byte[65536], new byte[65536]);

        Assert.Equal(0, Allocations.Of(() =>
        {
            var encrypting = requests.EncryptAsync(plain, encrypted, 0);
            var decrypting = requests.DecryptAsync(encrypted, 0);
            Assert.True(encrypting.IsCompletedSuccessfully && decrypting.IsCompletedSuccessfully);
        }));
    }

    private static byte[] Encrypt(CipherSpec spec, ulong sector)
    {
        using var cipher = SectorCipher.Create(spec, Enumerable.Range(0, spec.KeyBytes).Select(i => (byte)i).ToArray());
        var bytes = new byte[SectorBytes];
        cipher.Encrypt(bytes, bytes, sector);
        return bytes;
    }

    private static SectorCipher Create(CipherSpec spec) => SectorCipher.Create(spec, RandomBytes(spec.KeyBytes));

    private static byte[] RandomBytes(int count)
    {
        var bytes = new byte[count];
        Random.Shared.NextBytes(bytes);
        return bytes;
    }
}
