// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Checking;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>Counting in runs comes to what counting one by one does.</summary>
public sealed class ReferenceMapTests
{
    [Theory]
    [InlineData(1UL)]
    [InlineData(3UL)]
    [InlineData(255UL)]
    [InlineData(65535UL)]
    public void Runs_and_single_clusters_add_up(ulong most)
    {
        var random = new Random(7);
        var map = new ReferenceMap();
        var expected = new ulong[5000];
        for (var step = 0; step < 2000; step++)
        {
            var first = random.Next(expected.Length - 1);
            var count = Math.Min(expected.Length - first, 1 + random.Next(3000));
            var done = map.AddRun(first, count, most);
            for (var i = 0; i < done; i++) expected[first + i]++;
            if (done == count) continue;

            // The one that stopped the run is at its limit, or counted by itself from now on.
            var stopped = first + done;
            if (map[stopped] < most)
            {
                map.Add(stopped);
                expected[stopped]++;
            }
        }
        Assert.Equal(expected, Enumerable.Range(0, expected.Length).Select(i => (ulong)map[i]));
        Assert.All(expected, count => Assert.InRange(count, 0UL, most));
        Assert.Equal(Array.FindLastIndex(expected, count => count > 0) + 1, map.End);
        Assert.Equal(
            expected.Aggregate(0UL, (sum, count) => sum + count), map.All.Aggregate(0UL, (sum, item) => sum + item.Count));
    }

    [Fact]
    public void A_cluster_can_have_more_references_than_a_byte_counts()
    {
        var map = new ReferenceMap();
        for (var i = 0; i < 1000; i++) map.Add(77);
        Assert.Equal((1000u, 0u, 0u), (map[77], map[76], map[78]));
        Assert.Equal(0, map.AddRun(70, 20, 65535));
    }

    [Fact]
    public void A_full_image_takes_far_less_memory_than_a_byte_for_each_cluster()
    {
        const int Clusters = 1 << 24;
        const int Table = 8192;
        var map = new ReferenceMap();
        map.AddRun(0, 5, 65535);
        var before = GC.GetAllocatedBytesForCurrentThread();

        // Tables and what they map to, as a preallocated image has them: at no multiple of anything.
        for (var at = 5; at < Clusters; at += Table + 1)
        {
            map.Add(at);
            map.AddRun(at + 1, Table, 65535);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, Clusters / 2);
        Assert.All(Enumerable.Range(0, 20_000), cluster => Assert.Equal(1u, map[cluster]));
    }
}
