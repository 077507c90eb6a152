// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.JobTypes.Tests;

/// <summary>Streams into an image of a chain, b ◄ m ◄ t, that is written all the while.</summary>
public sealed class StreamTests : ChainTest
{
    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        await AddAsync("b");
        await FillAsync("b", 1, 0, 2 << 20);
        await AddAsync("m", "b");
        await FillAsync("m", 2, 1 << 20, 2 << 20);
        await AddAsync("t", "m");
    }

    [Fact]
    public async Task The_image_stands_alone_and_reads_as_before()
    {
        await WhileGuestWritesAsync(async guest =>
        {
            await ExecuteAsync("block-stream", "\"job-id\":\"j\",\"device\":\"t\"");
            await UntilGoneAsync();
            Assert.Equal("t", guest.Node.Name);
        });

        Assert.Null(Node("t").Backing);
        Assert.True(Node("t").TryGetFacet<IBackingFileStore>(out var header));
        Assert.Null(header.Backing);
        Assert.Equal(Expected, await ReadAsync("t"));
    }

    [Fact]
    public async Task Down_to_a_base_the_rest_of_the_chain_stays()
    {
        await ExecuteAsync("block-stream", "\"job-id\":\"j\",\"device\":\"t\",\"base-node\":\"b\"");
        await UntilGoneAsync();

        Assert.Equal("b", Node("t").Backing!.Name);
        Assert.True(Node("t").TryGetFacet<IBackingFileStore>(out var header));
        Assert.Equal(PathOf("b"), header.Backing!.FileName);
        Assert.Equal(Expected, await ReadAsync("t"));
    }

    [Fact]
    public async Task What_reads_as_zero_because_a_layer_is_short_hides_the_base_afterwards_too()
    {
        await AddAsync("short", "b", size: 65536);
        await AddAsync("long", "short");
        var expected = await ReadAsync("long");

        await ExecuteAsync("block-stream", "\"job-id\":\"j\",\"device\":\"long\",\"base-node\":\"b\"");
        await UntilGoneAsync();

        Assert.Equal("b", Node("long").Backing!.Name);
        Assert.Equal(expected, await ReadAsync("long"));
        Assert.Equal(1, (await ReadAsync("b"))[1 << 20]);
    }

    [Fact]
    public async Task A_cancelled_stream_leaves_the_chain_as_it_was()
    {
        await ExecuteAsync("block-stream", "\"job-id\":\"j\",\"device\":\"t\",\"speed\":65536");
        await CancelJobAsync();

        await CheckChainIsAsBeforeAsync();
    }
}
