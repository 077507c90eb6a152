// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;

namespace BlockHost.Images.Copying;

/// <summary>
/// Finds out before a copy begins whether it will fit. What the sources say is an upper bound, as data may turn out to
/// be zeroes that stay holes; only where that does not fit the data itself is looked at.
/// </summary>
/// <param name="freeBytes">Bytes that can be written to the file of that name; null: nobody can tell.</param>
internal sealed class SpaceCheck(SourceRow row, CopyOptions options, Func<string, long?> freeBytes)
{
    private const int Chunk = 1024 * 1024;

    /// <param name="isFull">The target's space is taken at once, whatever is written.</param>
    /// <exception cref="ToolException">It does not fit; the message says how much is missing.</exception>
    public async ValueTask RequireAsync(string fileName, bool isFull, CancellationToken cancellationToken)
    {
        if (options.Compress || freeBytes(fileName) is not { } free)
            return;
        var needed = isFull ? row.Length : await ImageCopy.MeasureAsync(row, options, cancellationToken);
        if (needed <= free)
            return;
        if (!isFull && options.Sparse)
            needed = await CountDataAsync(cancellationToken);
        if (needed <= free)
            return;
        throw new ToolException(
            $"{fileName}: not enough space: {Sizes.Human(needed)} are needed and {Sizes.Human(free)} free, {Sizes.Human(needed - free)} ({needed - free} bytes) are missing");
    }

    /// <summary>What the file system that holds, or will hold, the file has left, and the file's own blocks.</summary>
    public static long? FreeBytes(string fileName)
    {
        try
        {
            var path = Path.GetFullPath(fileName);
            var folder = Path.GetDirectoryName(path);
            if (folder is null || !Directory.Exists(folder)
                || (File.Exists(path) && (File.GetAttributes(path) & FileAttributes.Device) != 0))
                return null;
            var own = File.Exists(path) ? new FileInfo(path).Length : 0;
            return new DriveInfo(folder).AvailableFreeSpace + own;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    private async ValueTask<long> CountDataAsync(CancellationToken cancellationToken)
    {
        var runs = new SparseRuns(options.MinSparse, options.TargetAlignment);
        var finder = new PieceFinder(row, options, Chunk);
        var buffer = new byte[Chunk];
        await using var reader = row.OpenReader();
        var total = 0L;
        while (await finder.NextAsync(cancellationToken) is { } piece)
        {
            if (piece.Kind == PieceKind.Data)
                total += await CountDataAsync(piece, runs, buffer, reader, cancellationToken);
        }

        return total;
    }

    private static async ValueTask<long> CountDataAsync(
        Piece piece, SparseRuns runs, byte[] buffer, SourceReader reader, CancellationToken cancellationToken)
    {
        var data = buffer.AsMemory(0, (int)piece.Length);
        if (!(await reader.ReadAsync(piece.Offset, data, cancellationToken)).IsOk)
            return piece.Length;
        var total = 0L;
        for (var at = 0; at < data.Length;)
        {
            var run = runs.Next(data.Span[at..], piece.Offset + at, out var isHole);
            total += isHole ? 0 : run;
            at += run;
        }

        return total;
    }
}
