// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block.Facets;

namespace BlockHost.Block.File.Tests;

/// <summary>What sets a block device apart from a file, and SCSI commands, on a device that a file stands in for.</summary>
public sealed class DeviceTests : IDisposable
{
    private const string Device = "/dev/the-disk";
    private const int Size = 1 << 20;

    private static readonly byte[] Inquiry = [0x12, 0, 0, 0, 36, 0];
    private static readonly byte[] Eject = [0x1B, 0, 0, 0, 2, 0];
    private static readonly byte[] Write = [0x2A, 0, 0, 0, 0, 0, 0, 0, 1, 0];

    private readonly string _file = Path.GetTempFileName();
    private readonly FakeDevices _devices;
    private readonly FileFixture _files;

    public DeviceTests()
    {
        _devices = new FakeDevices(Device, _file);
        _files = new FileFixture(_devices);
        Resize(Size);
    }

    [Theory]
    [InlineData("queue/zoned")]
    [InlineData("../queue/zoned")]
    public async Task A_zoned_device_is_refused_by_name(string attribute)
    {
        _devices.Attributes[attribute] = "host-managed";

        var e = await Assert.ThrowsAsync<BlockException>(async () => await OpenAsync());

        Assert.Contains($"'{Device}' is a zoned device (host-managed)", e.Message);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("host-aware")]
    public async Task A_device_that_takes_writes_anywhere_is_none(string model)
    {
        _devices.Attributes["queue/zoned"] = model;

        await using var node = await OpenAsync();

        Assert.Equal(Size, node.Profile.Length);
    }

    [Theory]
    [InlineData(Size / 2)]
    [InlineData(Size * 2)]
    public async Task A_query_shows_the_size_that_the_device_has_now(int size)
    {
        await using var node = await OpenAsync();
        Resize(size);

        await ((IImageInfo)node).GetFactsAsync(default);

        Assert.Equal(size, node.Profile.Length);
    }

    [Fact]
    public async Task A_resize_takes_the_size_that_the_device_has_now()
    {
        await using var node = await OpenAsync();
        Resize(Size * 2);
        var resizable = (IResizable)node;

        await resizable.ResizeAsync(Size * 2, default, default);
        Assert.Equal(Size * 2, node.Profile.Length);

        Resize(Size);
        var e = await Assert.ThrowsAsync<BlockException>(async () => await resizable.ResizeAsync(Size * 2, default, default));
        Assert.Equal("Cannot resize device files", e.Message);
        Assert.Equal(Size, node.Profile.Length);
    }

    [Fact]
    public async Task A_command_that_asks_is_passed_and_answered()
    {
        _devices.Answer = (_, _) => new() { Data = [5, 0x80, 6] };
        await using var node = await OpenAsync();

        var reply = await Scsi(node).SendAsync(new() { Command = Inquiry, DataInLength = 36 }, default);

        Assert.Equal([5, 0x80, 6], reply.Data.ToArray());
        Assert.Equal((0, 0), (reply.Status, reply.Sense.Length));
        Assert.Equal([Inquiry], _devices.Commands);
    }

    [Fact]
    public async Task A_device_that_refuses_says_why()
    {
        _devices.Answer = (_, _) => new() { Status = 2, Sense = [0x70, 0, 2, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x3A, 0] };
        await using var node = await OpenAsync();

        var reply = await Scsi(node).SendAsync(new() { Command = new byte[6] }, default);

        Assert.Equal((2, 14, 0x3A), (reply.Status, reply.Sense.Length, reply.Sense.Span[12]));
    }

    [Theory]
    [InlineData(-1000)]
    [InlineData(int.MaxValue)]
    public async Task A_device_that_answers_impossible_lengths_is_not_believed(int residue)
    {
        _devices.Answer = (_, _) => new() { Residue = residue };
        await using var node = await OpenAsync();

        var reply = await Scsi(node).SendAsync(new() { Command = Inquiry, DataInLength = 36 }, default);

        Assert.InRange(reply.Data.Length, 0, 36);
    }

    [Fact]
    public async Task A_command_that_changes_something_is_passed_only_where_it_is_named()
    {
        await using (var node = await OpenAsync())
        {
            var e = await FailureAsync(node, Eject);
            Assert.Equal(BlockErrorKind.PermissionDenied, e.Kind);
            Assert.Equal($"SCSI command 0x1b may change something on '{Device}': x-blockhost-scsi-commands does not name it", e.Message);
        }

        await using var named = await OpenAsync("\"x-blockhost-scsi-commands\":[27]");
        await Scsi(named).SendAsync(new() { Command = Eject }, default);

        Assert.Equal([Eject], _devices.Commands);
    }

    [Fact]
    public async Task Data_is_sent_only_to_a_device_that_is_open_for_writing()
    {
        var request = new ScsiRequest { Command = Write, DataOut = new byte[512] };
        var received = 0;
        _devices.Answer = (_, data) =>
        {
            received = data.Length;
            return new() { Residue = 0 };
        };
        await using (var node = await OpenAsync("\"x-blockhost-scsi-commands\":[42]", readOnly: true))
        {
            var e = await Assert.ThrowsAsync<BlockException>(async () => await Scsi(node).SendAsync(request, default));
            Assert.Contains("open for reading only", e.Message);
        }

        await using var writable = await OpenAsync("\"x-blockhost-scsi-commands\":[42]");
        var reply = await Scsi(writable).SendAsync(request, default);

        Assert.Equal((512, 0), (received, reply.Data.Length));
    }

    [Fact]
    public async Task A_command_that_asks_sends_no_data()
    {
        await using var node = await OpenAsync();

        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await Scsi(node).SendAsync(new() { Command = Inquiry, DataOut = new byte[8] }, default));

        Assert.Equal(("SCSI command 0x12 sends no data", 0), (e.Message, _devices.Commands.Count));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(17, 0)]
    [InlineData(5, 0)]
    [InlineData(6, -1)]
    [InlineData(6, 1 << 20)]
    public async Task What_is_no_command_is_refused(int length, int dataIn)
    {
        await using var node = await OpenAsync();

        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await Scsi(node).SendAsync(new() { Command = new byte[length], DataInLength = dataIn }, default));

        Assert.Equal((BlockErrorKind.InvalidArgument, 0), (e.Kind, _devices.Commands.Count));
    }

    [Fact]
    public async Task A_partition_takes_no_commands_which_would_reach_all_of_its_disk()
    {
        _devices.Attributes["partition"] = "1";
        await using var node = await OpenAsync();

        var e = await FailureAsync(node, Inquiry);

        Assert.Equal((BlockErrorKind.NotSupported, 0), (e.Kind, _devices.Commands.Count));
    }

    [Fact]
    public async Task A_command_whose_time_is_over_fails()
    {
        _devices.Answer = (_, _) => new() { HostStatus = 3 };
        await using var node = await OpenAsync();

        var e = await FailureAsync(node, Inquiry);

        Assert.Equal(Errno.ETIMEDOUT, e.Errno);
    }

    [Fact]
    public async Task A_device_that_is_no_SCSI_device_says_so()
    {
        await using var node = await _files.OpenAsync("/dev/zero", driver: "host_device");

        var e = await FailureAsync(node, Inquiry);

        Assert.Equal("'/dev/zero' takes no SCSI commands", e.Message);
    }

    [Fact]
    public async Task The_commands_that_may_be_passed_do_not_change_in_a_reopen()
    {
        await using var node = await OpenAsync();
        var options = JsonDocument.Parse($$"""{"filename":"{{Device}}","x-blockhost-scsi-commands":[1]}""").RootElement;

        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await ((IReopenable)node).PrepareReopenAsync(FileFixture.Context(), options, default));

        Assert.Equal("Cannot change the option 'x-blockhost-scsi-commands'", e.Message);
    }

    public void Dispose()
    {
        _files.Dispose();
        System.IO.File.Delete(_file);
    }

    private static Task<BlockException> FailureAsync(BlockNode node, byte[] command) =>
        Assert.ThrowsAsync<BlockException>(async () => await Scsi(node).SendAsync(new() { Command = command }, default));

    private static IScsiDevice Scsi(BlockNode node) => (IScsiDevice)node;

    private void Resize(long size)
    {
        using var file = System.IO.File.OpenWrite(_file);
        file.SetLength(size);
    }

    private ValueTask<BlockNode> OpenAsync(string? options = null, bool readOnly = false) =>
        _files.OpenAsync(Device, options, "host_device", f => f.ReadOnly = readOnly);
}
