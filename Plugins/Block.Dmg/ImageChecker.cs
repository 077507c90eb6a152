// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Dmg.Format;

namespace BlockHost.Plugins.Block.Dmg;

/// <summary>
/// Compares checksums: of each table's content (without what it ignores), of the data fork as it lies in the file, and of the
/// tables' checksums together. Those that are no CRC-32, and those that are not there, are left out.
/// </summary>
internal sealed class ImageChecker(IBlockChild file, ImageContents image, ChunkUnpacker unpacker, IIoBufferPool buffers)
{
    private const int PieceSize = 1 << 20;

    private readonly List<string> _messages = [];
    private long _wrong;

    public async ValueTask<ImageCheckResult> CheckAsync(CancellationToken cancellationToken)
    {
        for (var i = 0; i < image.Tables.Count; i++)
        {
            if (image.Tables[i].Checksum.IsCrc)
                await CheckTableAsync(i, image.Tables[i], cancellationToken).ConfigureAwait(false);
        }

        var data = new RunningCrc();
        if (image.Trailer.DataChecksum.IsCrc)
        {
            await AddFileAsync(
                data, (long)image.Trailer.DataOffset, (long)image.Trailer.DataLength, cancellationToken).ConfigureAwait(false);
            Compare("the data fork", image.Trailer.DataChecksum, data);
        }

        if (image.Trailer.MasterChecksum.IsCrc)
        {
            var master = new RunningCrc();
            foreach (var table in image.Tables)
                master.Add(RunningCrc.BytesOf(table.Checksum.Value));
            Compare("all tables", image.Trailer.MasterChecksum, master);
        }

        var chunks = image.Tables.SelectMany(table => table.Chunks).ToList();
        return new()
        {
            Corruptions = _wrong,
            Messages = _messages,
            ImageEndOffset = image.TrailerAt + Trailer.Size,
            TotalClusters = chunks.Count,
            AllocatedClusters = chunks.Count(chunk => chunk.IsPacked || chunk.Kind == ChunkKind.Raw),
            CompressedClusters = chunks.Count(chunk => chunk.IsPacked),
            FragmentedClusters = 0,
        };
    }

    private async ValueTask CheckTableAsync(int number, BlockTable table, CancellationToken cancellationToken)
    {
        var sum = new RunningCrc();
        try
        {
            foreach (var chunk in table.Chunks)
                await AddAsync(sum, chunk, cancellationToken).ConfigureAwait(false);
            Compare($"table {number}", table.Checksum, sum);
        }
        catch (BlockException e)
        {
            Report($"ERROR table {number}: {e.Message}");
        }
    }

    private async ValueTask AddAsync(RunningCrc sum, Chunk chunk, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        switch (chunk.Kind)
        {
            case ChunkKind.Ignore:
                return;
            case ChunkKind.Zero:
                sum.AddZeroes(chunk.Length);
                return;
            case ChunkKind.Raw:
                await AddFileAsync(sum, chunk.Place, chunk.Length, cancellationToken).ConfigureAwait(false);
                return;
            default:
                using (var content = buffers.Rent((int)chunk.Length))
                {
                    await unpacker.UnpackAsync(chunk, content.Memory, cancellationToken).ConfigureAwait(false);
                    sum.Add(content.Memory.Span);
                }

                return;
        }
    }

    /// <summary>What a raw chunk has beyond the file's end is read as zeroes, and no reason to read on.</summary>
    private async ValueTask AddFileAsync(RunningCrc sum, long offset, long bytes, CancellationToken cancellationToken)
    {
        var end = offset + bytes;
        using var piece = buffers.Rent(PieceSize);
        while (offset < Math.Min(end, file.Length))
        {
            var part = piece.Memory[..(int)Math.Min(PieceSize, Math.Min(end, file.Length) - offset)];
            await file.ReadAsync(offset, part, ReadFlags.None, cancellationToken).ConfigureAwait(false);
            sum.Add(part.Span);
            offset += part.Length;
        }

        sum.AddZeroes(end - offset);
    }

    private void Compare(string what, Checksum recorded, RunningCrc found)
    {
        if (recorded.Value != found.Value)
            Report(string.Create(
                CultureInfo.InvariantCulture,
                $"ERROR the checksum of {what} is {found.Value:x8}, and the image says {recorded.Value:x8}"));
    }

    private void Report(string message)
    {
        _wrong++;
        _messages.Add(message);
    }
}
