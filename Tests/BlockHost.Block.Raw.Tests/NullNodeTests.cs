// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Null;

namespace BlockHost.Block.Raw.Tests;

public sealed class NullNodeTests
{
    private readonly ManualClock _clock = new();

    public static TheoryData<string> Names => ["null-co", "null-aio"];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_default_is_a_gibibyte_under_a_plain_name(string name)
    {
        var node = await OpenAsync(name, "{}");
        Assert.Equal(1L << 30, node.Profile.Length);
        Assert.Equal(name + "://", node.FileName);
        Assert.True(node.Profile.Writable);
    }

    [Theory]
    [InlineData("""{"size":1000}""", 1024, null)]
    [InlineData("""{"size":0}""", 0, null)]
    [InlineData("""{"size":1073741824}""", 1L << 30, null)]
    [InlineData("""{"read-zeroes":true}""", 1L << 30, null)]
    [InlineData("""{"latency-ns":5}""", 1L << 30, "null-co://")]
    public async Task Options_that_a_reader_sees_take_away_the_plain_name(string options, long length, string? fileName)
    {
        var node = await OpenAsync("null-co", options);
        Assert.Equal(length, node.Profile.Length);
        Assert.Equal(fileName, node.FileName);
    }

    [Fact]
    public async Task Reads_leave_the_target_as_it_was_unless_zeroes_are_asked_for()
    {
        var target = new byte[] { 1, 2, 3 };
        await (await OpenAsync("null-co", "{}")).ReadAsync(0, target, ReadFlags.None, default);
        Assert.Equal([1, 2, 3], target);
        await (await OpenAsync("null-co", """{"read-zeroes":true}""")).ReadAsync(0, target, ReadFlags.None, default);
        Assert.Equal([0, 0, 0], target);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Every_request_takes_the_latency(string name)
    {
        var node = await OpenAsync(name, """{"latency-ns":1000000}""");
        var requests = new[]
        {
            node.ReadAsync(0, new byte[1], ReadFlags.None, default).AsTask(),
            node.WriteAsync(0, new byte[1], WriteFlags.None, default).AsTask(),
            node.WriteZeroesAsync(0, 512, ZeroFlags.None, default).AsTask(),
            node.FlushAsync(default).AsTask(),
        };
        _clock.Advance(TimeSpan.FromTicks(9999));
        Assert.All(requests, r => Assert.False(r.IsCompleted));
        _clock.Advance(TimeSpan.FromTicks(1));
        await Task.WhenAll(requests).WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Theory]
    [InlineData("""{"size":-1}""", "Parameter 'size' expects a non-negative number below 2^64")]
    [InlineData("""{"latency-ns":-1}""", "latency-ns is invalid")]
    [InlineData("""{"latency-ns":9223372036854775807}""", "latency-ns is invalid")]
    public async Task Impossible_options_are_refused(string options, string text)
    {
        var e = await Assert.ThrowsAsync<BlockException>(async () => await OpenAsync("null-co", options));
        Assert.Equal(text, e.Message);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Only_the_bare_prefix_is_a_file_name(string name)
    {
        var driver = DriverHarness.Driver<NullPlugin>(name);
        Assert.True(driver.TryParseFileName(name + "://", out _));
        var e = Assert.Throws<BlockException>(() => driver.TryParseFileName(name + "://x", out _));
        Assert.Equal($"The only allowed filename for this driver is '{name}://'", e.Message);
    }

    [Fact]
    public async Task Status_says_zero_only_where_reads_give_zeroes()
    {
        var zero = await (await OpenAsync("null-co", """{"read-zeroes":true}""")).GetStatusAsync(
            0, 512, StatusPrecision.WantZero, default);
        Assert.True(zero.Flags.HasFlag(BlockStatusFlags.Zero));
        var unknown = await (await OpenAsync("null-co", "{}")).GetStatusAsync(0, 512, StatusPrecision.WantZero, default);
        Assert.Equal(BlockStatusFlags.None, unknown.Flags);
    }

    [Fact]
    public async Task Nothing_is_stored()
    {
        var node = await OpenAsync("null-co", "{}");
        Assert.True(node.TryGetFacet<IImageInfo>(out var info));
        Assert.Equal(0, (await info.GetFactsAsync(default)).AllocatedSize);
        Assert.False(node.TryGetFacet<IResizable>(out _));
    }

    [Theory]
    [InlineData("""{"size":2048}""", "Cannot change the option 'size'")]
    [InlineData("""{}""", "Option 'size' cannot be reset to its default value")]
    public async Task Options_stay_as_they_were_opened(string options, string text)
    {
        var node = (IReopenable)await OpenAsync("null-co", """{"size":1024}""");
        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await node.PrepareReopenAsync(Context(), JsonDocument.Parse(options).RootElement, default));
        Assert.Equal(text, e.Message);
    }

    private ValueTask<BlockNode> OpenAsync(string name, string options) =>
        DriverHarness.Driver<NullPlugin>(name).OpenAsync(Context(), options);

    private TestNodeContext Context() => new(new TestPluginHost { Clock = _clock });
}
