// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.CommandLine;
using BlockHost.Formats.WriteLogs;
using BlockHost.Images;

namespace BlockHost.Tools.Replay;

/// <summary>The image that entries of a log are done to.</summary>
internal sealed class ReplayTarget(OpenImage image, bool keepDiscarded)
{
    private readonly byte[] _buffer = new byte[1 << 20];

    public async ValueTask ApplyAsync(LogFile log, WriteLogRecord record, CancellationToken cancellationToken)
    {
        if (record.HasData)
        {
            await GrowAsync(record.Offset + record.Bytes, cancellationToken);
            await CopyAsync(log, record, cancellationToken);
        }
        else if ((record.Flags & WriteLogFlags.Discard) != 0 && !keepDiscarded)
        {
            var bytes = Math.Min(record.Bytes, image.Length - record.Offset);
            if (bytes > 0)
                Check(await image.Queue.WriteZeroesAsync(record.Offset, bytes, ZeroFlags.MayUnmap, cancellationToken));
        }
    }

    public async ValueTask FinishAsync(CancellationToken cancellationToken) =>
        Check(await image.Queue.FlushAsync(cancellationToken));

    private async ValueTask CopyAsync(LogFile log, WriteLogRecord record, CancellationToken cancellationToken)
    {
        for (long done = 0; done < record.Bytes; done += _buffer.Length)
        {
            var piece = _buffer.AsMemory(0, (int)Math.Min(_buffer.Length, record.Bytes - done));
            await log.ReadAsync(record.DataOffset + done, piece, cancellationToken);
            Check(await image.Queue.WriteAsync(record.Offset + done, piece, WriteFlags.None, cancellationToken));
        }
    }

    private async ValueTask GrowAsync(long length, CancellationToken cancellationToken)
    {
        if (length > image.Length)
            await image.Backend.ResizeAsync(length, default, cancellationToken);
    }

    private static void Check(IoStatus status)
    {
        if (!status.IsOk)
            throw new ToolException($"error while writing to the image: {ImageErrors.Text(status.Errno)}");
    }
}
