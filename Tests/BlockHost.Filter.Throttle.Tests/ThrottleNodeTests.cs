// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Objects;
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.Throttle;
using BlockHost.Qmp;
using Moq;

namespace BlockHost.Filter.Throttle.Tests;

/// <summary>The object and the driver as the host uses them.</summary>
public sealed class ThrottleNodeTests
{
    private readonly PluginContents _plugin = PluginContents.Of(new ThrottlePlugin());
    private readonly ManualClock _clock = new();
    private readonly TestPluginHost _host;
    private readonly TestNodeContext _context;
    private readonly Mock<IBlockChild> _child = new();

    public ThrottleNodeTests()
    {
        _host = new TestPluginHost { Clock = _clock };
        _context = new TestNodeContext(_host);
        _context.Children["file"] = _child.Object;
    }

    [Fact]
    public async Task Every_kind_of_write_counts_and_a_flush_does_not()
    {
        Group("slow", """{"limits":{"iops-write":1}}""");
        await using var node = await OpenAsync("slow");
        Assert.True(Write(node).IsCompleted);

        Task[] waiting =
        [
            Write(node),
            node.WriteZeroesAsync(0, 512, ZeroFlags.None, default).AsTask(),
            node.DiscardAsync(0, 512, default).AsTask(),
        ];
        Assert.All(waiting, task => Assert.False(task.IsCompleted));
        Assert.True(node.FlushAsync(default).IsCompleted);
        Assert.True(node.ReadAsync(0, new byte[512], ReadFlags.None, default).IsCompleted);

        _clock.Advance(TimeSpan.FromSeconds(4));
        await Task.WhenAll(waiting).WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_drained_disk_does_not_wait_for_its_limits()
    {
        Group("slow", """{"limits":{"iops-total":1}}""");
        await using var node = await OpenAsync("slow");
        Task last;
        do
            last = Write(node);
        while (last.IsCompleted);

        await node.DrainBeginAsync(default);

        await last.WaitAsync(TimeSpan.FromSeconds(30));
        node.DrainEnd();
        Assert.False(Write(node).IsCompleted);
    }

    [Fact]
    public async Task A_reopen_takes_the_disk_to_another_group()
    {
        var (slow, fast) = (Group("slow", """{"limits":{"iops-total":1}}"""), Group("fast", "{}"));
        await using var node = await OpenAsync("slow");
        await node.DrainBeginAsync(default);
        Assert.True(node.TryGetFacet<IReopenable>(out var reopenable));

        (await reopenable.PrepareReopenAsync(_context, Options("fast"), default)).Commit();
        node.DrainEnd();

        Assert.All(Enumerable.Range(0, 50), _ => Assert.True(Write(node).IsCompleted));
        Assert.True(slow.TryRetire());
        Assert.False(fast.TryRetire());
    }

    [Fact]
    public async Task A_reopen_that_is_called_off_leaves_the_disk_in_its_group()
    {
        var (slow, fast) = (Group("slow", """{"limits":{"iops-total":1}}"""), Group("fast", "{}"));
        await using var node = await OpenAsync("slow");

        await (await ((IReopenable)node).PrepareReopenAsync(_context, Options("fast"), default)).AbortAsync();

        Assert.True(fast.TryRetire());
        Assert.False(slow.TryRetire());
    }

    [Fact]
    public async Task A_group_is_free_when_its_last_disk_is_closed()
    {
        var group = Group("g", "{}");
        await (await OpenAsync("g")).DisposeAsync();

        Assert.True(group.TryRetire());
        var error = await Assert.ThrowsAsync<BlockException>(async () => await OpenAsync("g"));
        Assert.Equal("Throttle group 'g' does not exist", error.Message);
    }

    [Fact]
    public void Limits_are_set_in_part_and_read_whole()
    {
        var group = Group(
            "g",
            """{"x-iops-total":7,"x-iops-total-max":70,"x-iops-total-max-length":9,"limits":{"iops-total":8,"bps-read":1000}}""");

        Assert.True(group.TrySetProperty("limits", JsonDocument.Parse("""{"bps-read":0,"bps-write":5}""").RootElement));

        var limits = group.GetProperty("limits")!.Value;
        Assert.Equal((7, 70, 9), (Number("iops-total"), Number("iops-total-max"), Number("iops-total-max-length")));
        Assert.Equal((0, 5, 1), (Number("bps-read"), Number("bps-write"), Number("bps-write-max-length")));
        Assert.Equal(7, group.GetProperty("x-iops-total")!.Value.GetInt64());
        var error = Assert.Throws<QmpException>(() => group.TrySetProperty("x-iops-total", JsonDocument.Parse("3").RootElement));
        Assert.Equal("Property cannot be set after initialization", error.Message);

        long Number(string name) => limits.GetProperty(name).GetInt64();
    }

    /// <summary>Texts of qemu-storage-daemon 7.2.</summary>
    [Theory]
    [InlineData(
        """{"limits":{"iops-total":100,"iops-read":5}}""",
        "bps/iops/max total values and read/write values cannot be used at the same time")]
    [InlineData(
        """{"limits":{"bps-read-max":5,"bps-total-max":3}}""",
        "bps/iops/max total values and read/write values cannot be used at the same time")]
    [InlineData(
        """{"x-bps-total":5,"limits":{"bps-read":7}}""",
        "bps/iops/max total values and read/write values cannot be used at the same time")]
    [InlineData("""{"x-iops-total":-5}""", "Property values cannot be negative")]
    [InlineData("""{"limits":{"iops-total":-5}}""", "bps/iops/max values must be within [0, 1000000000000000]")]
    [InlineData("""{"x-bps-total":1000000000000001}""", "bps/iops/max values must be within [0, 1000000000000000]")]
    [InlineData("""{"limits":{"iops-size":5}}""", "iops size requires an iops value to be set")]
    [InlineData("""{"limits":{"iops-total-max":5}}""", "bps_max/iops_max require corresponding bps/iops values")]
    [InlineData("""{"limits":{"iops-total":10,"iops-total-max":5}}""", "bps_max/iops_max cannot be lower than bps/iops")]
    [InlineData("""{"limits":{"iops-total":10,"iops-total-max-length":0}}""", "the burst length cannot be 0")]
    [InlineData("""{"x-iops-total-max-length":0}""", "the burst length cannot be 0")]
    [InlineData("""{"limits":{"iops-total":10,"iops-total-max-length":5}}""", "burst length set without burst rate")]
    [InlineData(
        """{"limits":{"iops-total":10,"iops-total-max":1000000000000,"iops-total-max-length":1000000000}}""",
        "burst length too high for this burst rate")]
    [InlineData(
        """{"limits":{"iops-total-max-length":5000000000}}""",
        "iops-total-max-length value must be in the range [0, 4294967295]")]
    [InlineData(
        """{"limits":{"bps-read-max-length":5000000000,"iops-total-max-length":4294967296}}""",
        "bps-read-max-length value must be in the range [0, 4294967295]")]
    [InlineData(
        """{"x-iops-total-max-length":5000000000}""", "x-iops-total-max-length value must be in therange [0, 4294967295]")]
    public void Limits_that_make_no_sense_are_refused_in_qemus_words(string options, string message)
    {
        Assert.Equal(message, Assert.Throws<QmpException>(() => Group("g", options)).Message);
    }

    private static Task Write(BlockNode node) => node.WriteAsync(0, new byte[512], WriteFlags.None, default).AsTask();

    private static JsonElement Options(string group) =>
        JsonDocument.Parse($$"""{"throttle-group":"{{group}}","file":"file"}""").RootElement;

    private ValueTask<BlockNode> OpenAsync(string group) =>
        _plugin.Driver("throttle").OpenAsync(_context, Options(group), default);

    private UserObject Group(string id, string options)
    {
        var group = _plugin.Of(ProvidedKind.Object)[0].Create(
            Mock.Of<IObjectContext>(context => context.Id == id && context.Host == _host),
            JsonDocument.Parse(options).RootElement);
        _host.Objects.Add(id, group);
        return group;
    }
}
