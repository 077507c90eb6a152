// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace BlockHost.Remote.Caching;

/// <summary>
/// A cache file:
/// <code>
///   0        4096                 data                      data + 64 KiB × n
///   header   digests, 16 bytes    block 0    block 1   …    sparse: what was never read takes no space
///            for each block
///
///   header   0   "bhremote"       8   version (u32) = 1     12  block size (u32) = 65536
///            16  length (u64)     24  SHA-256 of the object's name and version
///            56  SHA-256 of the 56 bytes before
/// </code>
/// Numbers are little-endian. A digest is the first half of the SHA-256 of the block's bytes (the last block ends with the
/// object); zeroes mean that the block is not there. As every block is checked when it is read, nothing is ever flushed: what
/// a power cut leaves is either right or not there.
/// </summary>
internal static class CacheLayout
{
    public const int HeaderSize = 4096;
    public const int BlockSize = 64 << 10;
    public const int DigestSize = 16;

    /// <summary>Beyond this a file could not hold it.</summary>
    public const long MaxLength = 1L << 50;

    private const int Used = 88;
    private const int SumAt = 56;

    private static ReadOnlySpan<byte> Magic => "bhremote"u8;

    public static byte[] Header(string name, string version, long length)
    {
        var header = new byte[HeaderSize];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12), BlockSize);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(16), length);
        SHA256.HashData(Encoding.UTF8.GetBytes($"{name}\n{version}"), header.AsSpan(24, 32));
        SHA256.HashData(header.AsSpan(0, SumAt), header.AsSpan(SumAt, 32));
        return header;
    }

    /// <summary>Some cache file, if of another object.</summary>
    public static bool IsHeader(ReadOnlySpan<byte> header) => header.Length >= Used && header.StartsWith(Magic)
        && SHA256.HashData(header[..SumAt]).AsSpan().SequenceEqual(header[SumAt..Used]);

    public static long Blocks(long length) => (length + BlockSize - 1) / BlockSize;

    public static long DigestAt(long block) => HeaderSize + (block * DigestSize);

    public static long DataAt(long length, long block)
    {
        var table = HeaderSize + (Blocks(length) * DigestSize);
        return ((table + BlockSize - 1) / BlockSize * BlockSize) + (block * BlockSize);
    }

    public static void Digest(ReadOnlySpan<byte> data, Span<byte> digest)
    {
        Span<byte> whole = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(data, whole);
        whole[..DigestSize].CopyTo(digest);
    }
}
