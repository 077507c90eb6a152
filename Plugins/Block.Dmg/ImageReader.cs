// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Dmg.Format;

namespace BlockHost.Plugins.Block.Dmg;

/// <summary>What an image says of itself.</summary>
/// <param name="TrailerAt">Where its trailer begins.</param>
internal sealed record ImageContents(Trailer Trailer, long TrailerAt, IReadOnlyList<BlockTable> Tables, ChunkMap Map);

/// <summary>
/// Reads an image from its end:
/// <code>
///   data fork: chunks │ property list or resource fork: block tables │ trailer
/// </code>
/// </summary>
internal static class ImageReader
{
    private const long LargestTables = 64 << 20;
    private const int MagicSize = 8;

    public static async ValueTask<ImageContents> ReadAsync(IBlockChild file, CancellationToken cancellationToken)
    {
        await RefuseEncryptionAsync(file, cancellationToken).ConfigureAwait(false);
        var (trailer, at) = await ReadTrailerAsync(file, cancellationToken).ConfigureAwait(false);
        trailer.RequireReadable(at);
        var isFork = trailer.ResourceLength > 0;
        var bytes = await ReadTablesAsync(
            file,
            (long)(isFork ? trailer.ResourceOffset : trailer.PlistOffset),
            (long)(isFork ? trailer.ResourceLength : trailer.PlistLength),
            cancellationToken).ConfigureAwait(false);
        var counted = 0u;
        List<BlockTable> tables = [];
        foreach (var table in isFork ? ResourceFork.TablesOf(bytes) : PropertyList.TablesOf(bytes))
        {
            if (BlockTable.IsTable(table))
                tables.Add(BlockTable.Parse(table, trailer, ref counted));
        }

        var map = new ChunkMap(tables, (long)trailer.Sectors * Trailer.SectorSize);
        return new(trailer, at, tables, map);
    }

    private static async ValueTask<byte[]> ReadTablesAsync(
        IBlockChild file, long at, long size, CancellationToken cancellationToken)
    {
        if (size > LargestTables)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, $"The block tables take {size} bytes, more than {LargestTables}");
        var bytes = new byte[size];
        await file.ReadAsync(at, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        return bytes;
    }

    private static async ValueTask<(Trailer Trailer, long At)> ReadTrailerAsync(
        IBlockChild file, CancellationToken cancellationToken)
    {
        var size = (int)Math.Min(Trailer.SearchSize, file.Length);
        var end = new byte[size];
        await file.ReadAsync(file.Length - size, end, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        var at = size < Trailer.Size ? -1 : end.AsSpan(0, size - Trailer.Size + Trailer.Magic.Length).IndexOf(Trailer.Magic);
        if (at < 0)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Could not locate UDIF trailer in dmg file");
        return (Trailer.Parse(end.AsSpan(at)), file.Length - size + at);
    }

    /// <summary>Version 2 of an encrypted image begins with its mark, version 1 ends with it.</summary>
    private static async ValueTask RefuseEncryptionAsync(IBlockChild file, CancellationToken cancellationToken)
    {
        var mark = new byte[MagicSize];
        await file.ReadAsync(0, mark, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        var isEncrypted = mark.AsSpan().SequenceEqual("encrcdsa"u8);
        if (file.Length >= MagicSize)
            await file.ReadAsync(file.Length - MagicSize, mark, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        if (isEncrypted || mark.AsSpan().SequenceEqual("cdsaencr"u8))
            throw new BlockException(BlockErrorKind.NotSupported, "Encrypted dmg images are not supported");
    }
}
