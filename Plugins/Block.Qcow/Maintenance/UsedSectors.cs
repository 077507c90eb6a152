// SPDX-License-Identifier: MIT
using BlockHost.Formats;
using BlockHost.Plugins.Block.Qcow.Format;

namespace BlockHost.Plugins.Block.Qcow.Maintenance;

/// <summary>Which sectors of a file something lies in: by itself, or with others that share its sectors.</summary>
internal sealed class UsedSectors(long sectors)
{
    private readonly SpaceMap _own = new(sectors);
    private readonly SpaceMap _shared = new(sectors);

    /// <returns>False: something lies there already.</returns>
    public bool Use(long offset, long bytes)
    {
        var isFree = true;
        foreach (var sector in SectorsOf(offset, bytes))
            isFree &= _own.Use(sector) & !_shared.IsUsed(sector);
        return isFree;
    }

    /// <returns>False: something lies there by itself.</returns>
    public bool Share(long offset, long bytes)
    {
        var isFree = true;
        foreach (var sector in SectorsOf(offset, bytes))
        {
            _shared.Use(sector);
            isFree &= !_own.IsUsed(sector);
        }

        return isFree;
    }

    /// <summary>Clusters, by their alignment, that nothing lies in.</summary>
    public long CountFree(int clusterSize)
    {
        var perCluster = clusterSize / QcowHeader.SectorSize;
        long free = 0;
        for (long first = 0; first + perCluster <= sectors; first += perCluster)
            free += IsFree(first, perCluster) ? 1 : 0;
        return free;
    }

    private bool IsFree(long first, int count)
    {
        for (var sector = first; sector < first + count; sector++)
        {
            if (_own.IsUsed(sector) || _shared.IsUsed(sector))
                return false;
        }

        return true;
    }

    /// <summary>Those that the file has: what a header says may lie as far out as a number goes.</summary>
    private IEnumerable<long> SectorsOf(long offset, long bytes)
    {
        var end = Math.Min(offset + bytes, sectors * QcowHeader.SectorSize);
        for (var sector = offset / QcowHeader.SectorSize; sector * QcowHeader.SectorSize < end; sector++)
            yield return sector;
    }
}
