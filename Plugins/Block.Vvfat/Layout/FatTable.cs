// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Vvfat.Layout;

/// <summary>
/// The file allocation table, which is not stored: who has which clusters, one row of them each, says it.
/// <code>
///   entry 0: media │ 1: end │ 2 …: the next cluster, end of chain, or 0: free        12, 16 or 32 bits each
/// </code>
/// </summary>
/// <param name="runs">In the order of their clusters.</param>
internal sealed class FatTable(FatGeometry geometry, IReadOnlyList<ClusterRun> runs, byte media)
{
    private readonly uint _end = geometry.Bits switch { 12 => 0xfff, 16 => 0xffff, _ => 0x0fffffff };

    /// <summary>Bytes of the table from <paramref name="offset"/> on.</summary>
    public void Read(long offset, Span<byte> target)
    {
        switch (geometry.Bits)
        {
            case 12:
                Read12(offset, target);
                break;
            case 16:
                ReadWhole(
                    offset, target, 2, static (bytes, value) => BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)value));
                break;
            default:
                ReadWhole(offset, target, 4, BinaryPrimitives.WriteUInt32LittleEndian);
                break;
        }
    }

    /// <summary>The run that has the cluster; null: it is free.</summary>
    public ClusterRun? RunOf(uint cluster)
    {
        var (low, high) = (0, runs.Count - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (cluster < runs[middle].First)
                high = middle - 1;
            else if (cluster > runs[middle].Last)
                low = middle + 1;
            else
                return runs[middle];
        }

        return null;
    }

    /// <summary>Requests are whole sectors, and entries of these sizes do not cross them.</summary>
    private void ReadWhole(long offset, Span<byte> target, int size, Action<Span<byte>, uint> write)
    {
        var cluster = (uint)(offset / size);
        for (; target.Length >= size; target = target[size..])
            write(target, Entry(cluster++));
    }

    /// <summary>Two entries are three bytes: aab ccc is stored as ab ca cc, low halves first.</summary>
    private void Read12(long offset, Span<byte> target)
    {
        for (var i = 0; i < target.Length; i++, offset++)
        {
            var (pair, part) = Math.DivRem(offset, 3);
            var cluster = (uint)pair * 2;
            target[i] = (byte)(part switch
            {
                0 => Entry(cluster),
                1 => (Entry(cluster) >> 8) | (Entry(cluster + 1) << 4),
                _ => Entry(cluster + 1) >> 4,
            });
        }
    }

    private uint Entry(uint cluster)
    {
        if (cluster == 0)
            return (_end & ~0xffu) | media;
        if (cluster == 1)
            return _end;
        if (RunOf(cluster) is not { } run)
            return 0;
        return cluster == run.Last ? _end : cluster + 1;
    }
}
