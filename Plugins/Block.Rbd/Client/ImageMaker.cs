// SPDX-License-Identifier: MIT
using System.Numerics;
using BlockHost.Block;
using BlockHost.Crypto;
using BlockHost.Plugins.Block.Rbd.Native;

namespace BlockHost.Plugins.Block.Rbd.Client;

/// <summary>Makes images, in the calling thread, which waits for it.</summary>
internal sealed class ImageMaker
{
    private const ulong SmallestObject = 4096;
    private const ulong RoomForHeader = 64 << 20;

    private readonly ImageSettings _settings;
    private readonly ulong _size;
    private readonly int _order;
    private readonly ImageKey? _key;
    private readonly EncryptionAlgorithm _algorithm;

    /// <exception cref="BlockException">An option is wrong; QEMU's texts.</exception>
    public ImageMaker(ImageSettings settings, RbdCreateOptions options, Func<string, ReadOnlyMemory<byte>> secret)
    {
        (_settings, _size) = (settings, options.Size);
        if (_size > long.MaxValue)
            throw Invalid($"The size of {_size} bytes is too large");
        if (settings.Snapshot is not null)
            throw Invalid("Can't use snapshot name for image creation");
        _order = Order(options.ClusterSize ?? 0);
        if (options.Encrypt is not { } encrypt)
            return;
        _algorithm = (encrypt.Cipher ?? CipherAlgorithm.Aes256) switch
        {
            CipherAlgorithm.Aes128 => EncryptionAlgorithm.Aes128,
            CipherAlgorithm.Aes256 => EncryptionAlgorithm.Aes256,
            var other => throw Invalid($"unknown encryption algorithm: {(int)other}"),
        };
        _key = new(
            encrypt is RbdLuksCreation ? EncryptionFormat.Luks1 : EncryptionFormat.Luks2, secret(encrypt.Secret));
    }

    /// <summary>An image that cannot be encrypted is taken away again.</summary>
    /// <exception cref="BlockException">It cannot be made.</exception>
    public void Make()
    {
        using var cluster = ClusterConnection.Open(_settings, cache: false);
        var order = _order;
        // Encrypted, it has to have room for the header before it gets its size.
        var size = _key is null ? _size : Math.Max(_size, RoomForHeader);
        CephLibraries.Check(Librbd.rbd_create(cluster.Pool, _settings.Image, size, ref order), "error rbd create");
        if (_key is not { } key)
            return;
        try
        {
            Encrypt(cluster.Pool, key);
        }
        catch
        {
            _ = Librbd.rbd_remove(cluster.Pool, _settings.Image);
            throw;
        }
    }

    private unsafe void Encrypt(PoolHandle pool, ImageKey key)
    {
        CephLibraries.Check(
            Librbd.rbd_open(pool, _settings.Image, out var opened, null),
            $"error opening image '{_settings.Image}' for encryption format");
        using var image = new ImageHandle(opened, pool);
        var raw = ImageSizing.Get(image);
        fixed (byte* passphrase = key.Passphrase.Span)
        {
            var options = new EncryptionOptions
            {
                Algorithm = _algorithm,
                Passphrase = passphrase,
                PassphraseSize = (nuint)key.Passphrase.Length,
            };
            CephLibraries.Check(
                Librbd.rbd_encryption_format(image, key.Format, &options, (nuint)sizeof(EncryptionOptions)),
                "encryption format fail");
        }

        // The header takes some of the image: what is left becomes as large as was asked for.
        ImageSizing.Set(image, _size, raw - ImageSizing.Get(image));
    }

    private static int Order(ulong objectSize)
    {
        if (objectSize == 0)
            return 0;
        if (!BitOperations.IsPow2(objectSize))
            throw Invalid("obj size needs to be power of 2");
        return objectSize >= SmallestObject ? BitOperations.Log2(objectSize) : throw Invalid("obj size too small");
    }

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
