// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using BlockHost.Crypto;
using BlockHost.Crypto.Ciphers;
using BlockHost.Crypto.Sectors;

namespace BlockHost.Benchmarks;

/// <summary>
/// AES-256-XTS of sectors: the processor's instructions, the runtime's library under our modes, and OpenSSL's own XTS.
/// </summary>
public partial class CipherBenchmarks
{
    private readonly byte[] _plain = new byte[1 << 20];
    private readonly byte[] _encrypted = new byte[1 << 20];
    private SectorCipher _processor = null!;
    private SectorCipher _library = null!;
    private SectorCipher _cbc = null!;
    private nint _openSsl;

    [Params(4096, 65536, 1 << 20)]
    public int Bytes { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        Random.Shared.NextBytes(_plain);
        var key = new byte[64];
        Random.Shared.NextBytes(key);
        var spec = new CipherSpec(CipherAlgorithm.Aes256, CipherMode.Xts, IvGeneratorAlgorithm.Plain64);
        _processor = SectorCipher.Create(spec, key);
        _library = new XtsSectors(
            new LibraryAes(key.AsSpan(0, 32)), new LibraryAes(key.AsSpan(32)), IvGenerator.Create(spec, key));
        _cbc = SectorCipher.Create(spec with { Mode = CipherMode.Cbc }, key.AsSpan(0, 32));
        _openSsl = NewContext();
        if (Begin(_openSsl, Aes256Xts(), 0, key, new byte[16], 1) != 1)
            throw new InvalidOperationException("OpenSSL refuses the key");
    }

    [Benchmark(Baseline = true)]
    public void Processor() => _processor.Encrypt(_plain.AsSpan(0, Bytes), _encrypted.AsSpan(0, Bytes), 0);

    [Benchmark]
    public void ProcessorDecrypts() => _processor.Decrypt(_plain.AsSpan(0, Bytes), _encrypted.AsSpan(0, Bytes), 0);

    [Benchmark]
    public void Library() => _library.Encrypt(_plain.AsSpan(0, Bytes), _encrypted.AsSpan(0, Bytes), 0);

    [Benchmark]
    public void ProcessorCbc() => _cbc.Encrypt(_plain.AsSpan(0, Bytes), _encrypted.AsSpan(0, Bytes), 0);

    [Benchmark]
    public void ProcessorCbcDecrypts() => _cbc.Decrypt(_plain.AsSpan(0, Bytes), _encrypted.AsSpan(0, Bytes), 0);

    /// <summary>A vector for each sector, as its XTS takes one for each call.</summary>
    [Benchmark]
    public unsafe void OpenSsl()
    {
        Span<byte> iv = stackalloc byte[16];
        iv.Clear();
        fixed (byte* from = _plain, to = _encrypted, vector = iv)
        {
            for (var done = 0; done < Bytes; done += SectorCipher.SectorBytes)
            {
                BinaryPrimitives.WriteInt64LittleEndian(iv, done / SectorCipher.SectorBytes);
                _ = SetVector(_openSsl, 0, 0, 0, vector, -1);
                _ = Update(_openSsl, to + done, out _, from + done, SectorCipher.SectorBytes);
            }
        }
    }

    [LibraryImport("libcrypto.so.3", EntryPoint = "EVP_CIPHER_CTX_new")]
    private static partial nint NewContext();

    [LibraryImport("libcrypto.so.3", EntryPoint = "EVP_aes_256_xts")]
    private static partial nint Aes256Xts();

    [LibraryImport("libcrypto.so.3", EntryPoint = "EVP_CipherInit_ex")]
    private static partial int Begin(nint context, nint cipher, nint engine, byte[] key, byte[] iv, int encrypts);

    [LibraryImport("libcrypto.so.3", EntryPoint = "EVP_CipherInit_ex")]
    private static unsafe partial int SetVector(nint context, nint cipher, nint engine, nint key, byte* iv, int encrypts);

    [LibraryImport("libcrypto.so.3", EntryPoint = "EVP_CipherUpdate")]
    private static unsafe partial int Update(nint context, byte* target, out int written, byte* source, int bytes);
}
