// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Rbd.Native;

namespace BlockHost.Plugins.Block.Rbd.Client;

/// <summary>
/// The size of an image. Of an encrypted one librbd tells the disk's, and is told, by its version, that or the disk's with the
/// header:
/// <code>
///   | header |             disk             |
/// </code>
/// </summary>
internal static class ImageSizing
{
    public static ulong Get(ImageHandle image)
    {
        CephLibraries.Check(Librbd.rbd_get_size(image, out var size), "Could not get the image's size");
        return size;
    }

    /// <summary>On its way to a size the disk is never smaller than that: no version takes away what is to stay.</summary>
    /// <param name="header">Bytes of the header; 0: the image is not encrypted.</param>
    public static void Set(ImageHandle image, ulong size, ulong header)
    {
        const string failed = "Failed to resize file";
        CephLibraries.Check(Librbd.rbd_resize(image, checked(size + header)), failed);
        if (header == 0 || Get(image) == size)
            return;
        CephLibraries.Check(Librbd.rbd_resize(image, size), failed);
        if (Get(image) is var actual && actual != size)
            throw new BlockException(BlockErrorKind.Io, $"{failed}: it has {actual} bytes, not {size}");
    }
}
