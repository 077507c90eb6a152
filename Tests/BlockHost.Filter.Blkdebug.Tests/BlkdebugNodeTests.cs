// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.Blkdebug;
using Moq;

namespace BlockHost.Filter.Blkdebug.Tests;

/// <summary>The driver and its nodes as the host uses them.</summary>
public sealed class BlkdebugNodeTests
{
    private readonly BlockDriver _driver = PluginContents.Of(new BlkdebugPlugin()).Driver("blkdebug");
    private readonly TestNodeContext _context = new(new TestPluginHost());
    private readonly Mock<IBlockChild> _child = new();

    public BlkdebugNodeTests()
    {
        _child.Setup(child => child.Profile).Returns(new BlockProfile { Length = 1 << 20, Writable = true });
        _child.Setup(child => child.Length).Returns(1 << 20);
        _child.Setup(child => child.FileName).Returns("disk.img");
        _context.Children["image"] = _child.Object;
    }

    [Fact]
    public async Task A_request_fails_with_the_error_that_the_rule_says()
    {
        await using var node = await OpenAsync(
            """{"image":"image","inject-error":[{"event":"read_aio","errno":28,"immediately":true}]}""");
        await FireAsync(node, BlkdebugEvent.ReadAio);

        var error = await Assert.ThrowsAsync<BlockException>(() => Read(node));

        Assert.Equal((BlockErrorKind.NoSpace, Errno.ENOSPC), (error.Kind, error.Errno));
    }

    [Fact]
    public async Task The_event_none_is_fired_when_the_node_opens()
    {
        await using var node = await OpenAsync("""{"image":"image","inject-error":[{"event":"none","once":true}]}""");

        await Assert.ThrowsAsync<BlockException>(() => Read(node));
        await Read(node);
    }

    [Fact]
    public async Task A_flush_can_fail_only_where_something_has_been_written()
    {
        await using var node = await OpenAsync("""{"image":"image","inject-error":[{"event":"none","iotype":"flush"}]}""");
        await node.FlushAsync(default);

        await node.WriteAsync(0, new byte[512], WriteFlags.None, default);

        await Assert.ThrowsAsync<BlockException>(async () => await node.FlushAsync(default));
        await Assert.ThrowsAsync<BlockException>(async () => await node.FlushAsync(default));
    }

    [Fact]
    public async Task What_fails_takes_its_time_unless_it_is_told_not_to()
    {
        await using var node = await OpenAsync("""{"image":"image","inject-error":[{"event":"none"}]}""");
        await using var sudden = await OpenAsync("""{"image":"image","inject-error":[{"event":"none","immediately":true}]}""");

        Assert.True(Read(sudden).IsFaulted);
        await Assert.ThrowsAsync<BlockException>(() => Read(node));
    }

    [Fact]
    public async Task A_breakpoint_stops_one_request_until_it_is_told_to_go_on()
    {
        await using var node = await OpenAsync("""{"image":"image"}""");
        Assert.True(node.TryGetFacet<IBreakpoints>(out var breakpoints));
        var reports = new List<bool>();
        breakpoints.Add(BlkdebugEvent.ReadAio, "A", reports.Add);

        var stopped = FireAsync(node, BlkdebugEvent.ReadAio);
        Assert.False(stopped.IsCompleted);
        await breakpoints.WhenSuspendedAsync("A", default);
        await FireAsync(node, BlkdebugEvent.ReadAio);

        Assert.False(breakpoints.TryResume("B"));
        Assert.True(breakpoints.TryResume("A"));
        await stopped;
        Assert.Equal([true, false], reports);
        Assert.False(breakpoints.TryResume("A"));
    }

    [Fact]
    public async Task Taking_a_breakpoint_away_lets_go_what_is_held_under_its_tag()
    {
        await using var node = await OpenAsync("""{"image":"image"}""");
        Assert.True(node.TryGetFacet<IBreakpoints>(out var breakpoints));
        breakpoints.Add(BlkdebugEvent.ReadAio, "A", _ => { });
        breakpoints.Add(BlkdebugEvent.WriteAio, "A", _ => { });
        var stopped = FireAsync(node, BlkdebugEvent.ReadAio);

        Assert.True(breakpoints.TryRemove("A"));

        await stopped;
        await FireAsync(node, BlkdebugEvent.WriteAio);
        Assert.False(breakpoints.TryRemove("A"));
    }

    [Fact]
    public async Task A_drain_lets_go_what_has_stopped()
    {
        await using var node = await OpenAsync("""{"image":"image"}""");
        Assert.True(node.TryGetFacet<IBreakpoints>(out var breakpoints));
        breakpoints.Add(BlkdebugEvent.ReadAio, "A", _ => { });
        var stopped = FireAsync(node, BlkdebugEvent.ReadAio);

        await node.DrainBeginAsync(default);

        await stopped;
    }

    [Fact]
    public async Task Permissions_are_the_filters_and_those_of_the_options()
    {
        await using var node = await OpenAsync(
            """{"image":"image","take-child-perms":["write"],"unshare-child-perms":["resize","consistent-read"]}""");

        var permissions = node.GetChildPermissions(_child.Object, new(BlockPermissions.ConsistentRead, BlockPermissions.All));

        Assert.Equal(BlockPermissions.ConsistentRead | BlockPermissions.Write, permissions.Needed);
        Assert.Equal(BlockPermissions.Write | BlockPermissions.WriteUnchanged, permissions.Shared);
    }

    [Fact]
    public async Task It_claims_the_limits_that_it_is_given()
    {
        await using var node = await OpenAsync(
            """{"image":"image","align":4096,"max-transfer":65536,"opt-write-zero":8192,"max-write-zero":16384,"opt-discard":4096,"max-discard":8192}""");

        var limits = node.Profile.Limits;

        Assert.Equal((4096, 65536, 8192, 16384, 4096, 8192),
            (
                limits.RequestAlignment, limits.MaxTransfer, limits.WriteZeroesAlignment, limits.MaxWriteZeroes,
                limits.DiscardAlignment, limits.MaxDiscard));
    }

    [Theory]
    [InlineData("""{"image":"image"}""", "blkdebug::disk.img")]
    [InlineData("""{"image":"image","align":512}""", null)]
    [InlineData("""{"image":"image","set-state":[]}""", null)]
    public async Task A_name_opens_it_again_where_one_says_everything(string options, string? name)
    {
        await using var node = await OpenAsync(options);
        Assert.Equal(name, node.FileName);
    }

    [Theory]
    [InlineData("blkdebug:rules:disk.img", """{"image":{"filename":"disk.img"},"config":"rules"}""")]
    [InlineData("blkdebug::nbd:localhost:1", """{"image":{"filename":"nbd:localhost:1"}}""")]
    public void A_name_holds_rules_and_an_image(string name, string options)
    {
        Assert.True(_driver.TryParseFileName(name, out var parsed));
        Assert.True(JsonElement.DeepEquals(Json(options), parsed.Value));
    }

    [Fact]
    public void A_name_without_an_image_is_refused()
    {
        var error = Assert.Throws<BlockException>(() => _driver.TryParseFileName("blkdebug:disk.img", out _));
        Assert.Equal("blkdebug requires both config file and image path", error.Message);
    }

    private static JsonElement Json(string json) => JsonDocument.Parse(json).RootElement;

    private static Task Read(BlockNode node) => node.ReadAsync(0, new byte[512], ReadFlags.None, default).AsTask();

    private static Task FireAsync(BlockNode node, BlkdebugEvent @event) =>
        ((IBlockEventTarget)node).OnEventAsync(@event, default).AsTask();

    private async Task<BlockNode> OpenAsync(string options) => await _driver.OpenAsync(_context, Json(options), default);
}
