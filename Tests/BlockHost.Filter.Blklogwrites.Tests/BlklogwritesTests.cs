// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Formats.WriteLogs;
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.Blklogwrites;

namespace BlockHost.Filter.Blklogwrites.Tests;

/// <summary>
/// What the log holds, also where something fails. That it is QEMU's byte for byte the differential cases prove.
/// </summary>
public sealed class BlklogwritesTests
{
    private const int Length = 1 << 20;

    private readonly BlockDriver _driver = PluginContents.Of(new BlklogwritesPlugin()).Driver("blklogwrites");
    private readonly TestNodeContext _context = new(new TestPluginHost());
    private readonly MemoryImage _file = new(Length);
    private readonly MemoryImage _log = new();
    private readonly FailurePlan _fileFails = new();
    private readonly FailurePlan _logFails = new();

    public BlklogwritesTests()
    {
        _context.Children["file"] = new FailingChild(new MemoryChild(_file), _fileFails);
        _context.Children["log"] = new FailingChild(new MemoryChild(_log, "log", BlockChildRole.Metadata), _logFails);
    }

    [Fact]
    public async Task Requests_are_logged_in_their_order_and_reach_the_image()
    {
        await using var node = await OpenAsync();
        await WriteAsync(node, 4096, 1024, 7);
        await node.WriteZeroesAsync(8192, 512, ZeroFlags.None, default);
        await node.DiscardAsync(0, 512, default);
        await node.FlushAsync(default);

        var records = await LogAsync();

        Assert.Equal(
            [
                (4096, 1024, WriteLogFlags.None, true), (8192, 512, WriteLogFlags.None, true),
                (0, 512, WriteLogFlags.Discard, false), (0, 0, WriteLogFlags.Flush, false)],
            records.Select(record => (record.Offset, record.Bytes, record.Flags, record.HasData)));
        Assert.All(_log.Read(records[0].DataOffset, 1024), value => Assert.Equal(7, value));
        Assert.Equal([7, 7, 0], _file.Read(5118, 3));
    }

    [Fact]
    public async Task A_flush_with_nothing_new_before_it_is_not_logged()
    {
        await using var node = await OpenAsync();
        await node.FlushAsync(default);
        await WriteAsync(node, 0, 512, 1);
        await node.FlushAsync(default);
        await node.FlushAsync(default);

        Assert.Equal([WriteLogFlags.None, WriteLogFlags.Flush], (await LogAsync()).Select(record => record.Flags));
    }

    [Fact]
    public async Task What_the_log_could_not_take_has_not_happened()
    {
        await using var node = await OpenAsync();
        await WriteAsync(node, 0, 512, 1);
        (_logFails.FailAt, _logFails.Kind) = (_logFails.Seen + 1, BlockErrorKind.NoSpace);

        var error = await Assert.ThrowsAsync<BlockException>(() => WriteAsync(node, 0, 512, 2));
        await WriteAsync(node, 512, 512, 3);
        await node.FlushAsync(default);

        Assert.Equal(BlockErrorKind.NoSpace, error.Kind);
        Assert.Equal([1], _file.Read(0, 1));
        Assert.Equal([0, 512, 0], (await LogAsync()).Select(record => record.Offset));
    }

    [Fact]
    public async Task A_flush_that_failed_is_no_flush_in_the_log()
    {
        await using var node = await OpenAsync();
        await WriteAsync(node, 0, 512, 1);
        _fileFails.FailAt = _fileFails.Seen;
        await Assert.ThrowsAsync<BlockException>(async () => await node.FlushAsync(default));

        await node.FlushAsync(default);

        Assert.Equal(2, (await LogAsync()).Count);
    }

    [Fact]
    public async Task A_power_cut_leaves_a_log_that_can_be_read_to_its_end()
    {
        _log.TrackDurability = true;
        var random = new Random(1);
        await using var node = await OpenAsync(",\"log-super-update-interval\":3");
        for (var i = 1; i <= 20; i++)
        {
            await WriteAsync(node, i * 512, 512, (byte)i);
            if (i % 7 == 0)
                await node.FlushAsync(default);
            var left = _log.AfterPowerCut(random);
            if (i < 3)
                continue;
            var records = await LogAsync(left);
            Assert.InRange(records.Count, i / 7 * 8, i + 2);
            Assert.All(
                records.Where(record => record.HasData),
                record => Assert.Equal((byte)(record.Offset / 512), left.Read(record.DataOffset, 1)[0]));
        }
    }

    [Fact]
    public async Task A_log_begins_anew_or_goes_on()
    {
        foreach (var (options, entries) in ((string, int)[])[("", 2), (",\"log-append\":true", 4), ("", 2)])
        {
            await using var node = await OpenAsync(options);
            await WriteAsync(node, 0, 512, 1);
            await node.FlushAsync(default);
            Assert.Equal(entries, (await LogAsync()).Count);
        }
    }

    [Fact]
    public async Task What_is_only_read_leaves_the_log_alone()
    {
        _log.Write(0, (byte[])[1, 2, 3]);
        await using (var node = await OpenAsync())
        {
            await node.ReadAsync(0, new byte[512], ReadFlags.None, default);
            await node.FlushAsync(default);
        }

        Assert.Equal([1, 2, 3], _log.Read(0, 3));
    }

    [Fact]
    public async Task Requests_at_once_make_a_log_that_ends_as_the_image()
    {
        await using var node = await OpenAsync();
        var writes = Enumerable.Range(1, 200).Select(
            i => Task.Run(() => WriteAsync(node, i * 7919 % 1000 * 512, i % 5 * 512 + 512, (byte)i)));
        await Task.WhenAll(writes);
        await node.FlushAsync(default);

        var replayed = new byte[Length];
        foreach (var record in (await LogAsync()).Where(record => record.HasData))
            _log.Read(record.DataOffset, (int)record.Bytes).CopyTo(replayed, record.Offset);

        Assert.True(replayed.AsSpan().SequenceEqual(_file.Read(0, Length)));
    }

    [Fact]
    public async Task A_disk_that_ends_inside_a_sector_of_the_log_has_whole_sectors_in_it()
    {
        _file.Resize(1000);
        await using var node = await OpenAsync(",\"log-sector-size\":4096");
        Assert.Equal(4096, node.Profile.Limits.RequestAlignment);
        await WriteAsync(node, 0, 1000, 5);
        await node.FlushAsync(default);

        var record = (await LogAsync())[0];
        Assert.Equal(4096, record.Bytes);
        Assert.Equal([5, 0], _log.Read(record.DataOffset + 999, 2));
    }

    [Fact]
    public async Task A_resize_is_the_images()
    {
        await using var node = await OpenAsync();
        await ((IResizable)node).ResizeAsync(2 * Length, default, default);
        Assert.Equal((2 * Length, 2 * Length), (node.Profile.Length, _file.Length));
    }

    [Theory]
    [InlineData(0, 1L << 60, "Log entry 1 of * lies beyond the log's end")]
    [InlineData(512, 1L << 60, "Log entry 0 of * lies beyond all disks")]
    [InlineData(520, 1L << 60, "Log entry 0 of * lies beyond all disks")]
    [InlineData(520, 1L << 40, "Log entry 0 of * has data beyond the log's end")]
    [InlineData(528, 8L, null)]
    public async Task A_log_that_is_damaged_is_not_gone_on_with(int at, long value, string? message)
    {
        await using (var node = await OpenAsync())
            await WriteAsync(node, 0, 512, 1);
        new WriteLogHeader(1, 512).Write(_header);
        _log.Write(0, _header);
        _log.Write(at == 0 ? 16 : at, BitConverter.GetBytes(value));

        var open = OpenAsync(",\"log-append\":true");

        if (message is null)
            await (await open).DisposeAsync();
        else
            Assert.Matches(
                $"^{message.Replace("*", "\\d+", StringComparison.Ordinal)}$",
                (await Assert.ThrowsAsync<BlockException>(() => open)).Message);
    }

    [Fact]
    public async Task A_mark_has_its_name()
    {
        new WriteLogHeader(1, 512).Write(_header);
        var sector = new byte[512];
        new WriteLogEntry(0, 0, WriteLogFlags.Mark, 3).Write(sector.AsSpan(0, WriteLogEntry.Size));
        "fsx"u8.CopyTo(sector.AsSpan(WriteLogEntry.Size));
        _log.Write(0, _header);
        _log.Write(512, sector);

        Assert.Equal("fsx", Assert.Single(await LogAsync()).Mark);
    }

    private readonly byte[] _header = new byte[WriteLogHeader.Size];

    private static async Task WriteAsync(BlockNode node, long offset, int bytes, byte pattern)
    {
        var data = new byte[bytes];
        data.AsSpan().Fill(pattern);
        await node.WriteAsync(offset, data, WriteFlags.None, default);
    }

    private Task<List<WriteLogRecord>> LogAsync() => LogAsync(_log);

    private static async Task<List<WriteLogRecord>> LogAsync(MemoryImage log)
    {
        var reader = await WriteLogReader.OpenAsync(Read, log.Length, default);
        var records = new List<WriteLogRecord>();
        while (await reader.NextAsync(default) is { } record)
            records.Add(record);
        return records;

        ValueTask Read(long offset, Memory<byte> target, CancellationToken token)
        {
            log.Read(offset, target.Length).CopyTo(target);
            return ValueTask.CompletedTask;
        }
    }

    private async Task<BlockNode> OpenAsync(string more = "") =>
        await _driver.OpenAsync(_context, JsonDocument.Parse($$"""{"file":"file","log":"log"{{more}}}""").RootElement, default);
}
