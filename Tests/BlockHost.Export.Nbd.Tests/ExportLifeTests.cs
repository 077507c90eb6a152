// SPDX-License-Identifier: MIT
using BlockHost.Export.Nbd.Tests.Fakes;
using BlockHost.Nbd;
using BlockHost.Plugins.Export.Nbd.Protocol;

namespace BlockHost.Export.Nbd.Tests;

public sealed class ExportLifeTests
{
    [Fact]
    public async Task A_shutdown_answers_what_is_in_flight_then_disconnects_and_ends()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(1 << 20) { Hold = true });
        using var client = disk.Connect().Go();
        client.SendRequest(NbdCommand.Write, 0, 2, payload: [5, 6]);
        await disk.Backend.WaitHeldAsync(1);

        disk.Export.RequestShutdown();
        await Task.Delay(20);
        Assert.False(disk.Ended.Task.IsCompleted);
        disk.Backend.Release();

        Assert.Equal(NbdError.None, client.ReadSimple().Error);
        Assert.True(client.IsClosed());
        await disk.Ended.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal([5, 6], disk.Backend.Data[..2]);
    }

    [Fact]
    public async Task A_shutdown_without_clients_ends_at_once()
    {
        await using var disk = await ServedDisk.StartAsync();

        disk.Export.RequestShutdown();

        Assert.True(disk.Ended.Task.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_going_export_is_not_found_any_more()
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Greet();
        disk.Export.RequestShutdown();

        Assert.Equal(OptionReply.ErrUnknown, client.OptionResult(NbdOption.Go, OptionData.Info("disk")));
    }

    [Fact]
    public async Task Goodbye_lets_earlier_requests_complete()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(1 << 20) { Hold = true });
        using var client = disk.Connect().Go();
        client.SendRequest(NbdCommand.Write, 0, 2, payload: [5, 6]);
        client.SendRequest(NbdCommand.Disconnect);
        await disk.Backend.WaitHeldAsync(1);
        disk.Backend.Release();

        Assert.Equal(NbdError.None, client.ReadSimple().Error);
        Assert.True(client.IsClosed());
    }

    [Fact]
    public async Task Stopping_the_server_closes_its_socket_and_clients()
    {
        await using var disk = await ServedDisk.StartAsync();
        using var client = disk.Connect().Go();
        using var greeting = disk.Connect();
        greeting.Greet();

        await disk.Server.DisposeAsync();

        Assert.True(client.IsClosed());
        Assert.True(greeting.IsClosed());
        Assert.False(File.Exists(disk.Socket));
    }

    [Fact]
    public async Task A_name_is_given_once()
    {
        await using var disk = await ServedDisk.StartAsync();

        Assert.False(disk.Server.TryAdd(disk.Export));
    }

    [Fact]
    public async Task A_client_that_is_faster_than_the_first_export_finds_it()
    {
        await using var disk = await ServedDisk.StartAsync(withExport: false);
        using var client = disk.Connect();
        await Task.Delay(30);
        Assert.Equal(0, client.Socket.Available);

        disk.Add("disk", disk.Backend);

        Assert.Equal([0], client.Go().ReadData(0, 1));
    }
}
