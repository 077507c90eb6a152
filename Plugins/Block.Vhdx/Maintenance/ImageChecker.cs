// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vhdx.Format;

namespace BlockHost.Plugins.Block.Vhdx.Maintenance;

/// <summary>
/// Looks whether each block lies in the file and by itself. That the log was replayed when the image was opened counts as an
/// error mended, as with QEMU, which does not see blocks that lie on each other.
/// </summary>
internal sealed class ImageChecker(VhdxImage image)
{
    private readonly CheckMessages _messages = new();
    private readonly SpaceMap _used = new((FileLayout.RoundUp(image.File.Length) + image.BlockSize) / FileLayout.MiB);
    private long _errors;

    public async ValueTask<ImageCheckResult> CheckAsync(CancellationToken cancellationToken)
    {
        var scan = new TableScan(image.File, image.Layout, Say) { OnStored = Take };
        await scan.RunAsync(image.Buffers, cancellationToken).ConfigureAwait(false);
        return new ImageCheckResult
        { Corruptions = _errors, CorruptionsFixed = image.WasReplayed ? 1 : 0, Messages = _messages.Lines };
    }

    private void Take(long index, long offset, long length)
    {
        var isShared = false;
        for (var place = offset / FileLayout.MiB; place < (offset + length) / FileLayout.MiB; place++)
            isShared |= !_used.Use(place);
        if (isShared)
            Say($"VHDX BAT entry {index} start offset {offset} is in use by another entry");
    }

    private void Say(string message)
    {
        _errors++;
        _messages.Add($"qemu-img: {message}");
    }
}
