// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Iscsi.Tests.RealServers;

/// <summary>Disks of tgt's server.</summary>
public sealed class DiskTests : IAsyncLifetime
{
    private const int Length = 4 << 20;
    private static readonly byte[] Content = Client.Noise(Length);

    private TgtServer? _server;

    private TgtServer Server
    {
        get
        {
            Skip.If(_server is null, "tgt is not installed");
            return _server!;
        }
    }

    public async Task InitializeAsync()
    {
        if (TgtServer.IsInstalled)
            _server = await TgtServer.StartAsync();
    }

    public async Task DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
    }

    [SkippableTheory]
    [InlineData("{}")]
    [InlineData("""{"header-digest":"crc32c"}""")]
    [InlineData("""{"header-digest":"crc32c","x-blockhost-data-digest":"crc32c"}""")]
    [InlineData("""{"x-blockhost-data-digest":"crc32c-none"}""")]
    public async Task What_is_written_is_there_and_comes_back(string options)
    {
        var path = Server.AddDisk(1, Length);
        await using var node = await Client.OpenAsync(Server.Options(1, options));
        Assert.Equal((Length, 512), (node.Profile.Length, node.Profile.Limits.RequestAlignment));

        await node.WriteAsync(0, Content);
        await node.WriteAsync(1024, Content[..512], WriteFlags.Fua);
        await node.FlushAsync();

        byte[] expected = [.. Content[..1024], .. Content[..512], .. Content[1536..]];
        Assert.Equal(expected, await File.ReadAllBytesAsync(path));
        Assert.Equal(expected, await node.ReadAsync(0, Length));
        Assert.Equal(expected[512..5120], await node.ReadAsync(512, 4608));
    }

    [SkippableFact]
    public async Task Many_requests_at_once_of_all_sizes()
    {
        Server.AddDisk(1, Length);
        await using var node = await Client.OpenAsync(Server.Options(1, """{"x-blockhost-data-digest":"crc32c"}"""));
        var sizes = Enumerable.Range(0, 300).Select(number => 512 * (1 + (number * 7 % 37))).ToList();
        var places = sizes.Select((_, number) => sizes.Take(number).Sum()).ToList();

        await Task.WhenAll(sizes.Select(
            (size, number) => node.WriteAsync(places[number], Content[places[number]..(places[number] + size)])));
        var read = await Task.WhenAll(sizes.Select((size, number) => node.ReadAsync(places[number], size)));

        Assert.Equal(Content[..sizes.Sum()], read.SelectMany(part => part).ToArray());
    }

    [SkippableFact]
    public async Task Blocks_of_4096_bytes()
    {
        Server.AddDisk(1, Length, "", "--blocksize", "4096");
        await using var node = await Client.OpenAsync(Server.Options(1));

        await node.WriteAsync(8192, Content[..4096]);

        Assert.Equal((Length, 4096), (node.Profile.Length, node.Profile.Limits.RequestAlignment));
        Assert.Equal(Content[..4096], await node.ReadAsync(8192, 4096));
    }

    [SkippableFact]
    public async Task Ranges_that_are_not_needed_are_holes_and_read_as_zeroes()
    {
        var path = Server.AddDisk(1, Length, "thin_provisioning=1");
        await using var node = await Client.OpenAsync(Server.Options(1));
        await node.WriteAsync(0, Content);
        Assert.Equal((Support.Native, ZeroFlags.MayUnmap), (node.Profile.Discard, node.Profile.WriteZeroesFlags));

        await node.DiscardAsync(1 << 20, 1 << 20, default);
        await node.WriteZeroesAsync(3 << 20, 1 << 20, ZeroFlags.MayUnmap, default);
        await node.WriteZeroesAsync(0, 65536, ZeroFlags.None, default);
        await node.FlushAsync();

        var expected = (byte[])Content.Clone();
        Array.Clear(expected, 1 << 20, 1 << 20);
        Array.Clear(expected, 3 << 20, 1 << 20);
        Array.Clear(expected, 0, 65536);
        Assert.Equal(expected, await node.ReadAsync(0, Length));
        Assert.Equal(expected, await File.ReadAllBytesAsync(path));
        var status = await node.GetStatusAsync(1 << 20, 1 << 20, StatusPrecision.WantZero, default);
        Assert.True(status.Bytes is > 0 and <= 1 << 20 && status.Bytes % 512 == 0);
    }

    [SkippableFact]
    public async Task A_disk_without_thin_provisioning_has_no_discard()
    {
        Server.AddDisk(1, Length);
        await using var node = await Client.OpenAsync(Server.Options(1));
        await node.WriteAsync(0, Content);

        await node.WriteZeroesAsync(512, 4096, ZeroFlags.None, default);

        Assert.Equal((Support.None, Support.Emulate), (node.Profile.Discard, node.Profile.Status));
        Assert.Equal(new byte[4096], await node.ReadAsync(512, 4096));
    }

    [SkippableFact]
    public async Task A_write_protected_disk_is_for_reading()
    {
        Server.AddDisk(1, Length, "readonly=1");
        var options = Server.Options(1);

        Assert.Equal("LUN is write protected", await Client.OpenErrorAsync(options));

        var context = new TestNodeContext(new TestPluginHost()) { AutoReadOnly = true };
        await using var node = await Client.OpenAsync(options, context);
        Assert.Equal((false, "LUN is write protected"), (node.Profile.Writable, context.ReadOnlyReason));
        var error = await Assert.ThrowsAsync<BlockException>(async () => await ((IReopenable)node).PrepareReopenAsync(
            new TestNodeContext(new TestPluginHost()), options, default));
        Assert.Equal("Cannot open a write protected LUN as read-write", error.Message);
    }

    [SkippableFact]
    public async Task What_is_no_disk_is_refused_and_a_disc_is_for_reading()
    {
        Server.AddDisk(2, Length, "", "--device-type", "cd");
        Assert.Equal(
            "iSCSI: the LUN is no disk but a storage array controller, which cannot be used as one",
            await Client.OpenErrorAsync(Server.Options(0)));

        await using var disc = await Client.OpenAsync(Server.Options(2), readOnly: true);

        Assert.Equal((Length, 2048), (disc.Profile.Length, disc.Profile.Limits.RequestAlignment));
        Assert.Equal(new byte[4096], await disc.ReadAsync(2048, 4096));
    }

    [SkippableFact]
    public async Task Commands_that_only_ask_are_passed_and_others_where_they_are_named()
    {
        Server.AddDisk(1, Length);
        await using var node = await Client.OpenAsync(Server.Options(1, """{"x-blockhost-scsi-commands":[42]}"""));
        var device = (IScsiDevice)node;

        var inquiry = await device.SendAsync(
            new ScsiRequest { Command = new byte[] { 0x12, 0, 0, 0, 96, 0 }, DataInLength = 96 }, default);
        Assert.Equal((0, "IET "), (inquiry.Status, System.Text.Encoding.ASCII.GetString(inquiry.Data.Span[8..12])));

        byte[] writeOne = [0x2A, 0, 0, 0, 0, 1, 0, 0, 1, 0];
        var write = await device.SendAsync(
            new ScsiRequest { Command = writeOne, DataOut = Content.AsMemory(0, 512) }, default);
        Assert.Equal((0, 0), (write.Status, write.Data.Length));
        Assert.Equal(Content[..512], await node.ReadAsync(512, 512));

        // GET CONFIGURATION is a drive's.
        byte[] getConfiguration = [0x46, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        var unknown = await device.SendAsync(new ScsiRequest { Command = getConfiguration }, default);
        Assert.Equal((2, 5), (unknown.Status, unknown.Sense.Span[2] & 0xF));
        var error = await Assert.ThrowsAsync<BlockException>(
            async () => await device.SendAsync(new ScsiRequest { Command = new byte[] { 0x1B, 0, 0, 0, 0, 0 } }, default));
        Assert.Equal(
            $"SCSI command 0x1b may change something on '{TgtServer.Target}/1': x-blockhost-scsi-commands does not name it",
            error.Message);
    }

    [SkippableFact]
    public async Task What_is_not_there_is_named()
    {
        Assert.Equal(
            "iSCSI: Failed to connect to LUN : SENSE KEY:ILLEGAL_REQUEST(5) ASCQ:LOGICAL_UNIT_NOT_SUPPORTED(0x2500)",
            await Client.OpenErrorAsync(Server.Options(9)));
        Assert.Equal(
            "iSCSI: Failed to connect to LUN : Failed to log in to target. Status: Target not found(515)",
            await Client.OpenErrorAsync(Server.Options(1, """{"target":"iqn.2024-01.test:none"}""")));
    }

    [SkippableFact]
    public async Task It_cannot_be_resized_and_a_size_that_the_target_changes_is_noticed()
    {
        Server.AddDisk(1, Length);
        var context = new TestNodeContext(new TestPluginHost());
        await using var node = await Client.OpenAsync(Server.Options(1), context);
        var resizable = (IResizable)node;
        foreach (var length in new[] { Length * 2, 512 })
        {
            var error = await Assert.ThrowsAsync<BlockException>(
                async () => await resizable.ResizeAsync(length, default, default));
            Assert.Equal("Cannot resize iSCSI devices", error.Message);
        }

        await resizable.ResizeAsync(512, new ResizeOptions(MayExceed: true), default);
        Assert.Equal(
            "Cannot grow iSCSI devices",
            (await Assert.ThrowsAsync<BlockException>(
                async () => await resizable.ResizeAsync(Length * 2, new ResizeOptions(MayExceed: true), default))).Message);

        Server.Set("logicalunit", "delete", "--lun", "1");
        Server.AddDisk(1, Length * 2);
        await resizable.ResizeAsync(Length * 2, default, default);

        Assert.Equal((Length * 2, 1), (node.Profile.Length, context.ProfileChanges));
    }
}
