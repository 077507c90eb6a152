// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using BlockHost.Block;
using BlockHost.Plugins.Block.Rbd.Native;

namespace BlockHost.Plugins.Block.Rbd.Client;

/// <summary>
/// A user's key, as a secret with format=base64 has it (CryptoKey::encode of Ceph):
/// <code>
///   0      type (1: AES)         u16
///   2      made: seconds         u32
///   6      made: nanoseconds     u32
///   10     length of what follows u16
///   12     the key itself
/// </code>
/// All numbers are little-endian. Ceph writes a key that it cannot decode into its log, so that none such gets there.
/// </summary>
internal static class CephKey
{
    private const int LengthAt = 10;
    private const int HeadSize = 12;

    /// <exception cref="BlockException">It is no key; QEMU's text.</exception>
    public static ReadOnlyMemory<byte> Of(ReadOnlyMemory<byte> secret)
    {
        var bytes = secret.Span;
        if (bytes.Length > HeadSize
            && BinaryPrimitives.ReadUInt16LittleEndian(bytes[LengthAt..]) == bytes.Length - HeadSize)
            return secret;
        throw new BlockException(BlockErrorKind.InvalidArgument, "error connecting: Invalid argument")
        { Hint = "The secret of 'key-secret' holds no key of Ceph's, which is text in base64: format=base64 is to be given." };
    }

    public static unsafe void Set(ClusterHandle cluster, ReadOnlyMemory<byte> key)
    {
        var text = GC.AllocateArray<byte>(Base64.GetMaxEncodedToUtf8Length(key.Length) + 1, pinned: true);
        try
        {
            Base64.EncodeToUtf8(key.Span, text, out _, out _);
            fixed (byte* value = text)
                CephLibraries.Check(Librados.rados_conf_set(cluster, "key", value), "Could not set 'key'");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(text);
        }
    }
}
