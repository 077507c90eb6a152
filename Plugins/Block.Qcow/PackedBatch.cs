// SPDX-License-Identifier: MIT
using System.Buffers;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Qcow;

/// <summary>Neighbours on the disk that all got smaller, or all did not.</summary>
/// <param name="Bytes">Packed, of all of them.</param>
internal readonly record struct PackedRun(int First, int Count, int Bytes)
{
    public bool IsPacked => Bytes > 0;
}

/// <summary>Clusters that were packed, each at the start of its own place.</summary>
/// <param name="sizes">For each cluster its packed bytes; 0: better stored as it is.</param>
internal sealed class PackedBatch(IMemoryOwner<byte> packed, int[] sizes, int clusterSize) : IDisposable
{
    public IReadOnlyList<int> Sizes => sizes;

    public IEnumerable<PackedRun> Runs
    {
        get
        {
            for (int first = 0, end; first < sizes.Length; first = end)
            {
                var bytes = sizes[first];
                for (end = first + 1; end < sizes.Length && sizes[end] > 0 == sizes[first] > 0; end++)
                    bytes += sizes[end];
                yield return new PackedRun(first, end - first, bytes);
            }
        }
    }

    /// <summary>The packed bytes of a run, one cluster behind the other.</summary>
    public IoVector Gather(PackedRun run)
    {
        var vector = new IoVector();
        for (var i = run.First; i < run.First + run.Count; i++)
            vector.Add(packed.Memory.Slice(i * clusterSize, sizes[i]));
        return vector;
    }

    public void Dispose() => packed.Dispose();
}
