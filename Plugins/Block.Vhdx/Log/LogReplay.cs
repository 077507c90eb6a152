// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Vhdx.Format;

namespace BlockHost.Plugins.Block.Vhdx.Log;

/// <summary>Does again, when an image is opened, what a power cut may have kept from being done.</summary>
internal sealed class LogReplay(IBlockChild file, HeaderStore headers, IIoBufferPool buffers)
{
    /// <returns>Whether there was anything to do.</returns>
    /// <exception cref="BlockException">There is, and the image is opened for reading only; or the log is wrong.</exception>
    public async ValueTask<bool> RunAsync(bool readOnly, CancellationToken cancellationToken)
    {
        var header = headers.Current;
        if (header.LogOffset < FileLayout.MiB || !FileLayout.IsAligned(header.LogOffset) || header.LogVersion != 0)
            throw VhdxFault.Invalid(file);
        if (header.LogId == Guid.Empty || header.LogLength == 0)
            return false;
        if (!LogFormat.IsUsable(header.LogOffset, header.LogLength))
            throw VhdxFault.Invalid(file);
        var ring = new LogRing(file, header.LogOffset, header.LogLength);
        var entries = await new LogReader(ring, header.LogId, buffers).FindActiveAsync(cancellationToken).ConfigureAwait(false);
        if (entries.Count == 0)
            return false;
        if (readOnly)
            throw NeedsReplay();
        await ReplayAsync(ring, entries, cancellationToken).ConfigureAwait(false);
        await headers.UpdateAsync(now => now.WithFileWritten().WithLog(Guid.Empty), cancellationToken).ConfigureAwait(false);
        return true;
    }

    private async ValueTask ReplayAsync(LogRing ring, IReadOnlyList<LogEntry> entries, CancellationToken cancellationToken)
    {
        var head = entries[^1];
        if (head.FlushedLength > file.Length || head.FlushedLength < 0)
            throw VhdxFault.Invalid($"VHDX image file '{file.FileName}' is shorter than its log says: it has been truncated");
        var exact = new ResizeOptions(MayExceed: true);
        if (head.NeededLength > file.Length)
            await file.ResizeAsync(head.NeededLength, exact, cancellationToken).ConfigureAwait(false);
        foreach (var entry in entries)
            await new LogWalk(ring, entry).RunAsync(file, cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private BlockException NeedsReplay() => new(
        BlockErrorKind.PermissionDenied,
        $"VHDX image file '{file.FileName}' opened read-only, but contains a log that needs to be replayed")
    {
        Hint = $"To replay the log, run:\nqemu-img check -r all '{file.FileName}'",
    };
}
