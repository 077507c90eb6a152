// SPDX-License-Identifier: MIT
using System.IO.Compression;
using BlockHost.CommandLine;
using BlockHost.Images;
using BlockHost.Images.Copying;

namespace BlockHost.Tools.Img.Platforms;

/// <summary>Writes a disk as <c>disk.raw</c> in a tar.gz archive, in which its holes take no room.</summary>
/// <param name="length">Of the disk in the archive: zeroes follow the sources.</param>
internal sealed class DiskArchive(SourceRow row, long length, TimeProvider clock)
{
    private const string DiskName = "disk.raw";
    private const int ChunkSize = 1 << 20;

    /// <summary>Holes that are shorter are stored: the list of extents stays small.</summary>
    private const long ShortestHole = 1 << 20;

    private readonly byte[] _buffer = new byte[ChunkSize];

    /// <summary>Told how many bytes are done.</summary>
    public Action<long, long> Progress { get; init; } = (_, _) => { };

    public async ValueTask WriteAsync(string fileName, CancellationToken cancellationToken)
    {
        var extents = await FindExtentsAsync(cancellationToken);
        var isNew = !File.Exists(fileName);
        try
        {
            await using var file = new FileStream(
                fileName, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: ChunkSize, useAsync: true);
            await using (var gzip = new GZipStream(file, CompressionLevel.Optimal, leaveOpen: true))
                await WriteAsync(gzip, extents, cancellationToken);
            await file.FlushAsync(cancellationToken);
            file.Flush(flushToDisk: true);
        }
        catch
        {
            if (isNew)
                File.Delete(fileName);
            throw;
        }
    }

    private async ValueTask<List<TarExtent>> FindExtentsAsync(CancellationToken cancellationToken)
    {
        var extents = new List<TarExtent>();
        var finder = new PieceFinder(row, new CopyOptions(), int.MaxValue);
        while (await finder.NextAsync(cancellationToken) is { } piece)
        {
            if (piece.Kind == PieceKind.Zero)
                continue;
            if (extents is [.., var last] && piece.Offset - (last.Offset + last.Length) < ShortestHole)
                extents[^1] = last with { Length = piece.Offset + piece.Length - last.Offset };
            else
                extents.Add(new TarExtent(piece.Offset, piece.Length));
        }

        if (extents.Count == 0 || extents[^1].Offset + extents[^1].Length < length)
            extents.Add(new TarExtent(length, 0));
        return extents;
    }

    private async ValueTask WriteAsync(Stream archive, List<TarExtent> extents, CancellationToken cancellationToken)
    {
        await archive.WriteAsync(SparseTar.Headers(DiskName, length, clock.GetUtcNow(), extents), cancellationToken);
        var (total, stored) = (extents.Sum(extent => extent.Length), 0L);
        await using var reader = row.OpenReader();
        foreach (var extent in extents)
        {
            for (long done = 0; done < extent.Length; done += ChunkSize)
            {
                var part = _buffer.AsMemory(0, (int)Math.Min(ChunkSize, extent.Length - done));
                var status = await reader.ReadAsync(extent.Offset + done, part, cancellationToken);
                if (!status.IsOk)
                    throw new ToolException(
                        $"error while reading at byte {extent.Offset + done}: {ImageErrors.Text(status.Errno)}");
                await archive.WriteAsync(part, cancellationToken);
                stored += part.Length;
                Progress(stored, total);
            }
        }

        var padding = (int)((SparseTar.BlockSize - stored % SparseTar.BlockSize) % SparseTar.BlockSize);
        await archive.WriteAsync(new byte[padding + (2 * SparseTar.BlockSize)], cancellationToken);
    }
}
