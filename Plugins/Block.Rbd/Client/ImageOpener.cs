// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Rbd.Native;

namespace BlockHost.Plugins.Block.Rbd.Client;

/// <summary>Opens an image of a pool, in the calling thread, which waits for it.</summary>
internal static class ImageOpener
{
    /// <param name="mayBeReadOnly">
    /// Where the user's rights do not suffice to follow the image's changes (which QEMU's driver asks for), it is opened without.
    /// </param>
    /// <exception cref="BlockException">It cannot be opened; QEMU's texts.</exception>
    public static OpenedImage Open(PoolHandle pool, ImageSettings settings, bool mayBeReadOnly)
    {
        var result = Librbd.rbd_open(pool, settings.Image, out var opened, settings.Snapshot);
        var isReadOnly = mayBeReadOnly && -result is (Errno.EPERM or Errno.EACCES);
        if (isReadOnly)
            result = Librbd.rbd_open_read_only(pool, settings.Image, out opened, settings.Snapshot);
        CephLibraries.Check(result, $"error reading header from {settings.Image}");
        var image = new ImageHandle(opened, pool);
        try
        {
            if (settings.Encryption is not { } key)
                return new OpenedImage(image, isReadOnly, HeaderBytes: 0);
            var whole = ImageSizing.Get(image);
            Unlock(image, key);
            return new OpenedImage(image, isReadOnly, whole - ImageSizing.Get(image));
        }
        catch
        {
            image.Dispose();
            throw;
        }
    }

    private static unsafe void Unlock(ImageHandle image, ImageKey key)
    {
        fixed (byte* passphrase = key.Passphrase.Span)
        {
            var options = new EncryptionOptions { Passphrase = passphrase, PassphraseSize = (nuint)key.Passphrase.Length };
            CephLibraries.Check(
                Librbd.rbd_encryption_load(image, key.Format, &options, (nuint)sizeof(EncryptionOptions)),
                "encryption load fail");
        }
    }
}

/// <param name="IsReadOnly">Its user may not write it.</param>
/// <param name="HeaderBytes">Of an encrypted image that was opened with its key.</param>
internal readonly record struct OpenedImage(ImageHandle Handle, bool IsReadOnly, ulong HeaderBytes);
