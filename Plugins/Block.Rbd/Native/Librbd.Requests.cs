// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Plugins.Block.Rbd.Native;

/// <summary>
/// librbd's requests that do not wait. A completion without a callback of ours is told to an eventfd, and fetched: no thread of
/// Ceph's ever runs our code (docs/decisions/13).
/// </summary>
internal static unsafe partial class Librbd
{
    public const int EventFd = 2;
    public const int ThickProvision = 1;

    [LibraryImport(Library)]
    public static partial int rbd_set_image_notification(ImageHandle image, int descriptor, int type);

    /// <summary>Completions that have come and were not fetched, at most <paramref name="count"/>.</summary>
    [LibraryImport(Library)]
    public static partial int rbd_poll_io_events(ImageHandle image, nint* completions, int count);

    [LibraryImport(Library)]
    public static partial int rbd_aio_create_completion(nint argument, nint callback, out nint completion);

    [LibraryImport(Library)]
    public static partial nint rbd_aio_get_return_value(nint completion);

    [LibraryImport(Library)]
    public static partial nint rbd_aio_get_arg(nint completion);

    [LibraryImport(Library)]
    public static partial void rbd_aio_release(nint completion);

    [LibraryImport(Library)]
    public static partial int rbd_aio_read(ImageHandle image, ulong offset, nuint length, byte* target, nint completion);

    [LibraryImport(Library)]
    public static partial int rbd_aio_write(ImageHandle image, ulong offset, nuint length, byte* source, nint completion);

    [LibraryImport(Library)]
    public static partial int rbd_aio_discard(ImageHandle image, ulong offset, ulong length, nint completion);

    [LibraryImport(Library)]
    public static partial int rbd_aio_write_zeroes(
        ImageHandle image, ulong offset, nuint length, nint completion, int zeroFlags, int operationFlags);

    [LibraryImport(Library)]
    public static partial int rbd_aio_flush(ImageHandle image, nint completion);
}
