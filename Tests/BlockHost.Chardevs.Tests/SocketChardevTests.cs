// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;
using BlockHost.Block;
using BlockHost.Core.Chardevs;
using BlockHost.Net;
using BlockHost.Objects;
using BlockHost.Qmp;
using Moq;

namespace BlockHost.Core.Tests.Chardevs;

public sealed class SocketChardevTests : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("chardev").FullName;

    private string Path => System.IO.Path.Combine(_folder, "sock");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_servers_clients_are_served_in_turn()
    {
        await using var device = Unix(",server=on,wait=off");
        await device.StartAsync(default);

        for (var i = 0; i < 2; i++)
        {
            using var client = await ConnectAsync();
            await using var stream = await device.AcceptAsync(default).AsTask().WaitAsync(Soon);
            await client.SendAsync(new byte[] { 42 });
            Assert.Equal(1, await stream!.ReadAsync(new byte[8]));
        }
    }

    [Fact]
    public async Task A_waiting_server_starts_with_its_first_client()
    {
        await using var device = Unix(",server=on,wait=on");
        var described = "";
        device.Waiting += text => described = text;
        var start = device.StartAsync(default).AsTask();

        Assert.False(start.IsCompleted);
        using var client = await ConnectAsync();
        await start.WaitAsync(Soon);

        Assert.Equal($"unix:{Path},server=on", described);
        await using var stream = await device.AcceptAsync(default).AsTask().WaitAsync(Soon);
        Assert.NotNull(stream);
    }

    [Fact]
    public async Task A_left_over_socket_file_does_not_stop_a_server()
    {
        await File.WriteAllTextAsync(Path, "");
        await using (var device = Unix(",server=on,wait=off"))
            await device.StartAsync(default);

        Assert.False(File.Exists(Path));
    }

    [Fact]
    public async Task A_client_without_reconnect_gives_one_stream()
    {
        using var listener = SocketFactory.Listen(new UnixSocketAddress { Path = Path });
        await using var device = Unix("");
        await device.StartAsync(default);

        await using (var stream = await device.AcceptAsync(default))
            Assert.NotNull(stream);

        Assert.Null(await device.AcceptAsync(default));
    }

    [Fact]
    public async Task A_client_that_cannot_connect_says_so()
    {
        await using var device = Unix("");

        var error = await Assert.ThrowsAsync<BlockException>(async () => await device.StartAsync(default));

        Assert.Equal($"Failed to connect to '{Path}': No such file or directory", error.Message);
    }

    [Fact]
    public void A_server_in_a_missing_folder_says_so()
    {
        var address = new UnixSocketAddress { Path = "/nonexistent/a" };

        var error = Assert.Throws<BlockException>(() => SocketFactory.Listen(address));

        Assert.Equal("Failed to bind socket to /nonexistent/a: No such file or directory", error.Message);
    }

    [Fact]
    public void A_taken_port_is_refused_and_a_range_is_searched()
    {
        using var taken = SocketFactory.Listen(new InetSocketAddress { Host = "127.0.0.1", Port = "0" });
        var port = ((IPEndPoint)taken.LocalEndPoint!).Port;
        var address = new InetSocketAddress { Host = "127.0.0.1", Port = $"{port}" };

        var error = Assert.Throws<BlockException>(() => SocketFactory.Listen(address));
        using var next = SocketFactory.Listen(address with { To = (ushort)Math.Min(port + 50, ushort.MaxValue) });

        Assert.Equal("Failed to find an available port: Address already in use", error.Message);
        Assert.True(((IPEndPoint)next.LocalEndPoint!).Port > port);
    }

    [Fact]
    public async Task A_device_that_does_not_exist_is_named()
    {
        await using var table = new ChardevTable(Mock.Of<IUserObjects>(), TimeProvider.System);

        Assert.Equal("chardev \"nope\" not found", Assert.Throws<QmpException>(() => table.Find("nope")).Message);
    }

    private SocketChardev Unix(string more) =>
        new(
            (SocketChardevOptions)ChardevParser.Parse($"socket,id=c,path={Path}{more}"),
            Mock.Of<IUserObjects>(),
            TimeProvider.System);

    private async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path));
        return socket;
    }
}
