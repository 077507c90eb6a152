// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Encryption;

/// <summary>
/// Where an image keeps its LUKS header and key material ("Full disk encryption header pointer"): clusters of their own.
/// <code>
/// | offset : u64 | length : u64 |
/// </code>
/// </summary>
/// <param name="Length">Bytes; the last cluster may be used in part.</param>
internal readonly record struct EncryptionExtension(long Offset, long Length)
{
    private const int Bytes = 16;

    /// <summary>More than any key needs, so that nobody counts clusters without end.</summary>
    private const long MostLength = 64 << 20;

    /// <returns>Null: the image is not encrypted with LUKS.</returns>
    public static EncryptionExtension? Find(Qcow2Header header)
    {
        if (header.Crypt != CryptMethod.Luks)
            return null;
        if (header.Extension(HeaderExtension.Encryption) is not { } extension)
            throw new Qcow2FormatException("Missing CRYPTO header for crypt method 2");
        if (extension.Data.Length != Bytes)
            throw new Qcow2FormatException(
                $"CRYPTO header extension size {extension.Data.Length}, but expected size {Bytes}");
        var offset = BinaryPrimitives.ReadUInt64BigEndian(extension.Data);
        var length = BinaryPrimitives.ReadUInt64BigEndian(extension.Data.AsSpan(sizeof(ulong)));
        if (offset % (1UL << header.ClusterBits) != 0)
            throw new Qcow2FormatException(
                $"Encryption header offset '{offset}' is not a multiple of cluster size '{1 << header.ClusterBits}'");
        if (offset == 0 || offset > long.MaxValue - MostLength || length is 0 or > MostLength)
            throw new Qcow2FormatException($"Encryption header of {length} bytes at {offset} makes no sense");
        return new EncryptionExtension((long)offset, (long)length);
    }

    public byte[] ToBytes()
    {
        var bytes = new byte[Bytes];
        BinaryPrimitives.WriteInt64BigEndian(bytes, Offset);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(sizeof(ulong)), Length);
        return bytes;
    }
}
