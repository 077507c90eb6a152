// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.JobTypes.Tests.Faults;

namespace BlockHost.JobTypes.Tests;

/// <summary>
/// Readers of an overlay that takes what guests are about to overwrite in the disk below it, on disks that take their time.
/// </summary>
public sealed class FleecingTests
{
    private const int Piece = 65536;
    private const int Readers = 8;

    [Theory]
    [InlineData("backup", "s")]
    [InlineData("filter", "s")]
    [InlineData("filter", "over")]
    public async Task They_see_the_disk_as_it_was(string by, string backing)
    {
        for (var seed = 0; seed < 5; seed++)
        {
            await using var bed = await FaultBed.StartAsync(new FaultPlugin(seed));
            await bed.AddAsync("s", data: new Random(seed));
            var before = await bed.ReadAsync("s");
            if (backing == "over")
                await bed.ExecuteAsync("blockdev-add", "\"driver\":\"raw\",\"node-name\":\"over\",\"file\":\"s\"");
            await bed.AddAsync("t", backing);
            await bed.ExecuteAsync(by == "backup" ? "blockdev-backup" : "blockdev-add", by == "backup"
                ? "\"job-id\":\"j\",\"device\":\"s\",\"target\":\"t\",\"sync\":\"none\",\"filter-node-name\":\"c\""
                : "\"driver\":\"copy-before-write\",\"node-name\":\"c\",\"file\":\"s\",\"target\":\"t\"");
            await using var guest = await bed.Graph.CreateBackendAsync(bed.Node("c"), JobTest.Guest, CancellationToken.None);
            await using var reader = await bed.Graph.CreateBackendAsync(bed.Node("t"), JobTest.Reader, CancellationToken.None);
            await using var queue = guest.OpenQueue();
            for (var offset = 0; offset < FaultBed.Size; offset += Piece)
            {
                var reads = Enumerable.Range(0, Readers).Select(_ => Task.Run(() => ReadAsync(reader, offset))).ToArray();
                Assert.True((await queue.WriteAsync(offset, Overwritten)).IsOk);
                foreach (var read in reads)
                    Assert.Equal(before[offset..(offset + Piece)], await read);
            }
        }
    }

    private static readonly byte[] Overwritten = [.. Enumerable.Repeat((byte)0xEE, Piece)];

    private static async Task<byte[]> ReadAsync(IBlockBackend backend, int offset)
    {
        await using var queue = backend.OpenQueue();
        var bytes = new byte[Piece];
        Assert.True((await queue.ReadAsync(offset, bytes)).IsOk);
        return bytes;
    }
}
