// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Plugins.Block.Rbd.Native;

/// <summary>
/// librbd: images. Results below zero are errno values. The calls of this half wait for the cluster; those that begin with
/// <c>rbd_aio</c> are in the other.
/// </summary>
internal static unsafe partial class Librbd
{
    public const string Library = "librbd.so.1";

    public const ulong FeatureStriping = 1 << 1;
    public const ulong FeatureFastDiff = 1 << 4;
    public const ulong FlagFastDiffInvalid = 1 << 1;

    [LibraryImport(Library)]
    public static partial void rbd_version(out int major, out int minor, out int extra);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_namespace_exists(
        PoolHandle pool, string name, [MarshalAs(UnmanagedType.U1)] out bool exists);

    /// <param name="order">Size of its objects, as a power of two; 0: the cluster's default.</param>
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_create(PoolHandle pool, string name, ulong size, ref int order);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_remove(PoolHandle pool, string name);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_open(PoolHandle pool, string name, out nint image, string? snapshot);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_open_read_only(PoolHandle pool, string name, out nint image, string? snapshot);

    [LibraryImport(Library)]
    public static partial int rbd_close(nint image);

    [LibraryImport(Library)]
    public static partial int rbd_get_size(ImageHandle image, out ulong size);

    [LibraryImport(Library)]
    public static partial int rbd_stat(ImageHandle image, out ImageStatus status, nuint size);

    [LibraryImport(Library)]
    public static partial int rbd_get_features(ImageHandle image, out ulong features);

    [LibraryImport(Library)]
    public static partial int rbd_get_flags(ImageHandle image, out ulong flags);

    /// <summary>-ENOENT: the image is no clone. Names are not asked for.</summary>
    [LibraryImport(Library)]
    public static partial int rbd_get_parent_info(
        ImageHandle image, nint pool, nuint poolSize, nint name, nuint nameSize, nint snapshot, nuint snapshotSize);

    [LibraryImport(Library)]
    public static partial int rbd_resize(ImageHandle image, ulong size);

    [LibraryImport(Library)]
    public static partial int rbd_invalidate_cache(ImageHandle image);

    [LibraryImport(Library)]
    public static partial int rbd_encryption_format(
        ImageHandle image, EncryptionFormat format, EncryptionOptions* options, nuint size);

    [LibraryImport(Library)]
    public static partial int rbd_encryption_load(
        ImageHandle image, EncryptionFormat format, EncryptionOptions* options, nuint size);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_snap_create(ImageHandle image, string name);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_snap_remove(ImageHandle image, string name);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_snap_rollback(ImageHandle image, string name);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_snap_set(ImageHandle image, string name);

    /// <summary>-ERANGE: there are more, and <paramref name="count"/> says how many.</summary>
    [LibraryImport(Library)]
    public static partial int rbd_snap_list(ImageHandle image, SnapshotEntry* entries, ref int count);

    [LibraryImport(Library)]
    public static partial void rbd_snap_list_end(SnapshotEntry* entries);

    /// <param name="from">Null: what there is at all, not what has changed.</param>
    /// <param name="found">(offset, length, exists, state); a result below zero ends it. Called by this thread.</param>
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rbd_diff_iterate2(
        ImageHandle image, string? from, ulong offset, ulong length, byte includeParent, byte wholeObject,
        delegate* unmanaged<ulong, nuint, int, void*, int> found, void* state);
}
