// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Vpc.Format;

/// <summary>Cylinders, heads and sectors of a disk, by the rules of the specification's appendix "CHS Calculation".</summary>
internal readonly record struct Geometry(int Cylinders, int Heads, int SectorsPerTrack)
{
    /// <summary>The largest there is: it says nothing about the size.</summary>
    public static Geometry Largest { get; } = new(65535, 16, 255);

    public long Sectors => (long)Cylinders * Heads * SectorsPerTrack;

    /// <summary>The smallest that holds so many sectors; where none does, the largest.</summary>
    public static Geometry For(long sectors)
    {
        var geometry = Near(sectors);
        for (long more = 1; geometry.Sectors < sectors && geometry != Largest; more++)
            geometry = Near(sectors + more);
        return geometry;
    }

    /// <summary>At most so many sectors.</summary>
    private static Geometry Near(long sectors)
    {
        sectors = Math.Min(sectors, Largest.Sectors);
        if (sectors >= 65535 * 16 * 63)
            return Of(sectors, 16, 255);
        var tracks = sectors / 17;
        var heads = Math.Max((tracks + 1023) / 1024, 4);
        if (heads <= 16 && tracks < heads * 1024)
            return Of(sectors, (int)heads, 17);
        return sectors / 31 < 16 * 1024 ? Of(sectors, 16, 31) : Of(sectors, 16, 63);
    }

    private static Geometry Of(long sectors, int heads, int sectorsPerTrack) =>
        new((int)(sectors / sectorsPerTrack / heads), heads, sectorsPerTrack);
}
