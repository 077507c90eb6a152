// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Block.Qcow.Maintenance;

/// <summary>
/// Forgets all that an image stores: its top table becomes zero, and then the file ends behind that, as with QEMU. Between the
/// two there are clusters that nothing points at.
/// </summary>
internal static class ImageEmptier
{
    public static async ValueTask MakeEmptyAsync(QcowImage image, CancellationToken cancellationToken)
    {
        var (file, header) = (image.File, image.Header);
        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        await file.FireAsync(BlkdebugEvent.EmptyImagePrepare, cancellationToken).ConfigureAwait(false);
        await file.WriteZeroesAsync(
            (long)header.TopOffset,
            header.TopEnd - (long)header.TopOffset,
            ZeroFlags.None,
            cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
        var end = Math.Max(header.TopEnd, (long)header.NameOffset + header.NameLength);
        if (file.Profile.Growable)
            await file.ResizeAsync(end, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        image.StartAnew(Math.Max(end, file.Length));
    }
}
