// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Parallels.Format;

namespace BlockHost.Plugins.Block.Parallels.Bitmaps;

/// <summary>Reads the format extension that a header points at, and keeps its clusters from being used for the disk.</summary>
internal static class ExtensionReader
{
    private const long MostSectors = long.MaxValue / ParallelsHeader.SectorSize;

    /// <param name="mustBeWhole">What cannot be understood is an error, as in QEMU for who only reads.</param>
    public static async ValueTask<FormatExtension?> ReadAsync(
        ParallelsImage image, bool mustBeWhole, CancellationToken cancellationToken)
    {
        var header = image.Header;
        if (header.ExtensionSector == 0)
            return null;
        var place = header.ExtensionSector <= (ulong)MostSectors
            ? (long)header.ExtensionSector * ParallelsHeader.SectorSize
            : long.MaxValue;
        if (place > image.File.Length - header.ClusterSize)
        {
            // There is no such cluster.
            return mustBeWhole
                ? throw new BlockException(BlockErrorKind.InvalidArgument, "Failed to read Format Extension cluster")
                : null;
        }

        var cluster = new byte[header.ClusterSize];
        await image.File.ReadAsync(place, cluster, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        try
        {
            var extension = FormatExtension.Parse(cluster, header.Sectors, isLenient: !mustBeWhole);
            image.ReservedEnd = extension.Bitmaps.SelectMany(bitmap => bitmap.Clusters)
                .Where(sector => sector > 1 && sector <= (ulong)MostSectors - header.ClusterSectors)
                .Select(sector => (long)sector * ParallelsHeader.SectorSize + header.ClusterSize)
                .Where(end => end <= image.File.Length)
                .Append(place + header.ClusterSize)
                .Max();
            return extension;
        }
        catch (BlockException) when (!mustBeWhole)
        {
            // Whoever writes drops it.
            image.ReservedEnd = image.File.Length;
            return null;
        }
    }
}
