// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Plugins.Block.Vvfat.Layout;

namespace BlockHost.Plugins.Block.Vvfat.Writing;

/// <summary>The guest's file allocation table. Every cluster belongs to one chain, so that following chains ends.</summary>
internal sealed class ChainTable
{
    private readonly FatGeometry _geometry;
    private readonly byte[] _table;
    private readonly ulong[] _taken;
    private readonly uint _end;

    public ChainTable(FatGeometry geometry, ReadDisk read)
    {
        _geometry = geometry;
        _table = new byte[geometry.FatSize];
        _taken = new ulong[(geometry.Clusters + FatGeometry.FirstCluster + 63) / 64];
        _end = geometry.Bits switch { 12 => 0xff8, 16 => 0xfff8, _ => 0x0ffffff8 };
        read(geometry.FatAt, _table);
    }

    /// <param name="first">0: no clusters.</param>
    /// <exception cref="GuestFaultException">The chain is none, or another one has clusters of it.</exception>
    public List<ClusterSpan> Follow(uint first, string path)
    {
        var chain = new List<ClusterSpan>();
        if (first == 0)
            return chain;
        var start = first;
        for (var cluster = first; ;)
        {
            Take(cluster, path);
            var next = Next(cluster);
            if (next == cluster + 1)
            {
                cluster = next;
                continue;
            }

            chain.Add(new(start, cluster + 1 - start));
            if (next >= _end)
                return chain;
            start = cluster = next;
        }
    }

    private void Take(uint cluster, string path)
    {
        if (cluster < FatGeometry.FirstCluster || cluster - FatGeometry.FirstCluster >= _geometry.Clusters)
            throw new GuestFaultException($"the chain of '{path}' leads to cluster {cluster}, which there is not");
        ref var word = ref _taken[cluster / 64];
        var bit = 1UL << (int)(cluster % 64);
        if ((word & bit) != 0)
            throw new GuestFaultException($"cluster {cluster} of '{path}' belongs to another chain as well, or the chain has no end");
        word |= bit;
    }

    private uint Next(uint cluster) => _geometry.Bits switch
    {
        12 => Next12(cluster),
        16 => BinaryPrimitives.ReadUInt16LittleEndian(_table.AsSpan((int)(cluster * 2))),
        _ => BinaryPrimitives.ReadUInt32LittleEndian(_table.AsSpan((int)(cluster * 4))) & 0x0fffffff,
    };

    private uint Next12(uint cluster)
    {
        var pair = BinaryPrimitives.ReadUInt16LittleEndian(_table.AsSpan((int)(cluster + (cluster / 2))));
        return (uint)(cluster % 2 == 0 ? pair & 0xfff : pair >> 4);
    }
}

/// <summary>
/// What the guest has on its disk is no sound file system, perhaps only for now: it is in the middle of a change.
/// </summary>
internal sealed class GuestFaultException(string message) : Exception(message);
