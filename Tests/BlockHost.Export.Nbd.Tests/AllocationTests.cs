// SPDX-License-Identifier: MIT
using BlockHost.Export.Nbd.Tests.Fakes;
using BlockHost.Nbd;
using BlockHost.Plugins.Export.Nbd.Protocol;

namespace BlockHost.Export.Nbd.Tests;

/// <summary>By itself, as it counts what the whole process allocates.</summary>
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
[Collection(nameof(AllocationTests))]
public sealed class AllocationTests
{
    [Fact]
    public async Task Requests_in_the_steady_state_allocate_nothing()
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Go(structured: false);
        var requests = Enumerable.Range(0, 64)
            .SelectMany(
                i =>
                    (byte[])[.. RawClient.Request(
                        NbdCommand.Read,
                        (ulong)i * 4096,
                        4096), .. RawClient.Request(NbdCommand.Write, (ulong)i * 4096, 512), .. new byte[512]])
            .ToArray();
        var answers = new byte[64 * (16 + 4096 + 16)];

        // The runtime allocates a little itself now and then, so one quiet round is enough; a byte a request shows in every one.
        var least = long.MaxValue;
        for (var round = 0; round < 200 && least > 64 * 2; round++)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            client.Stream.Write(requests);
            client.Stream.ReadExactly(answers);
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        Assert.True(least <= 64 * 2, $"{least} bytes for 128 requests");
    }
}
