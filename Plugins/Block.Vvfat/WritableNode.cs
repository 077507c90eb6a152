// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Vvfat.Layout;
using BlockHost.Plugins.Block.Vvfat.Writing;
using Microsoft.Extensions.Logging;

namespace BlockHost.Plugins.Block.Vvfat;

/// <summary>A folder, shown as a disk that a guest writes to.</summary>
internal sealed class WritableNode(WritableFolder folder, string dir, TimeProvider clock, ILogger logger) : BlockNode
{
    /// <summary>Of the time, at most this part goes into bringing the folder up to date while the guest flushes.</summary>
    private const int ShareOfTime = 10;

    private long _lastEnd;
    private TimeSpan _lastTook;
    private string? _problem;

    public override BlockProfile Profile { get; } = new()
    {
        Length = folder.Layout.Geometry.Length,
        Limits = new() { RequestAlignment = FatGeometry.SectorSize, MaxTransfer = SliceReads.MostBytes },
        Writable = true,
        Flush = Support.Native,
        Status = Support.Native,
        Concurrency = Concurrency.SerializeNode,
    };

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        new(Task.Run(() => SliceReads.Read(folder.Read, offset, target), cancellationToken));

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        new(Task.Run(() => folder.Write(offset, source), cancellationToken));

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => new(Task.Run(Flush, cancellationToken));

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        var (isWritten, count) = folder.Written.RunAt(offset / FatGeometry.SectorSize, bytes / FatGeometry.SectorSize);
        var length = count * FatGeometry.SectorSize;
        if (!isWritten)
            return new(DiskStatus.At(folder.Layout, offset, length));
        const BlockStatusFlags Data = BlockStatusFlags.Data | BlockStatusFlags.Allocated;
        return new(new BlockStatus(length, offset + length >= Profile.Length ? Data | BlockStatusFlags.Eof : Data));
    }

    public override async ValueTask DisposeAsync()
    {
        await Task.Run(Close).ConfigureAwait(false);
        folder.Dispose();
    }

    /// <summary>
    /// What the guest has written is stable then, whatever becomes of the folder: this has the time to wait for a whole file
    /// system.
    /// </summary>
    private void Flush()
    {
        folder.Flush();
        if (_lastEnd != 0 && clock.GetElapsedTime(_lastEnd) < _lastTook * ShareOfTime)
            return;
        var start = clock.GetTimestamp();
        folder.TakeBack();
        Tell();
        _lastTook = clock.GetElapsedTime(start);
        _lastEnd = clock.GetTimestamp();
    }

    private void Close()
    {
        try
        {
            folder.Close();
            Tell();
            if (folder.Problem is { } problem)
                logger.JournalStays(dir, problem);
        }
        catch (IOException e)
        {
            logger.JournalStays(dir, e.Message);
        }
    }

    /// <summary>
    /// A guest between two changes has a disk that is not whole again and again; only what is new is worth a word.
    /// </summary>
    private void Tell()
    {
        if (folder.Problem is { } problem && problem != _problem)
            logger.NotTakenBack(dir, problem);
        _problem = folder.Problem;
    }
}
