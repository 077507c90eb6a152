// SPDX-License-Identifier: MIT
using BlockHost.Export.VhostUserBlk.Tests.Fakes;

namespace BlockHost.Export.VhostUserBlk.Tests;

/// <summary>By itself, as it counts what the whole process allocates.</summary>
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
[Collection(nameof(AllocationTests))]
public sealed class AllocationTests
{
    private const int Requests = 128;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Requests_in_the_steady_state_allocate_nothing(bool packed)
    {
        await using var disk = new ServedDisk();
        using var guest = disk.Connect(RequestTests.Options(packed, eventIndex: true));
        GuestBuffer[][] chains =
        [
            guest.Place(0, 0, [], 4096).Chain, guest.Place(1, 8, new byte[512], 0).Chain,
            guest.Place(1, 9, new byte[512], 0).Chain,
        ];

        // The runtime allocates a little itself now and then, so one quiet round is enough; a byte a request shows in every one.
        var least = long.MaxValue;
        for (var round = 0; round < 200 && least > Requests; round++)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            Run(guest.Rings[0], chains);
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        Assert.True(least <= Requests, $"{least} bytes for {Requests} requests");
    }

    private static void Run(RingDriver ring, GuestBuffer[][] chains)
    {
        for (var done = 0; done < Requests;)
        {
            for (var i = 0; i < 16; i++)
                ring.Submit(chains[i % chains.Length], indirect: true);
            if (ring.WantsKick())
                ring.KickNow();
            for (var left = 16; left > 0; left--, done++)
                BlkClient.Await(ring, out _);
        }
    }
}
