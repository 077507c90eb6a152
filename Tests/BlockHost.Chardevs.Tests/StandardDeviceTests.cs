// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using BlockHost.Chardevs;
using BlockHost.Core.Chardevs;
using BlockHost.Core.Descriptors;
using BlockHost.Core.Plugins;
using BlockHost.Core.Yank;
using BlockHost.Objects;
using BlockHost.Plugins;
using BlockHost.Plugins.Chardev.Standard;
using BlockHost.Plugins.Chardev.Standard.Devices;
using BlockHost.Qmp;
using Moq;

namespace BlockHost.Core.Tests.Chardevs;

/// <summary>The devices that a plugin provides, as chardev-add opens them.</summary>
public sealed class StandardDeviceTests : IAsyncDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("chardev").FullName;
    private readonly YankRegistry _yank = new();
    private readonly PluginManager _plugins;
    private readonly ChardevTable _table;
    private readonly IPluginHost? _host;
    private readonly PassedDescriptors _descriptors = new(new DescriptorSets(() => true));

    public StandardDeviceTests()
    {
        _plugins = new PluginManager(new PluginManagerOptions { Host = () => _host! });
        _table = new ChardevTable(Mock.Of<IUserObjects>(), TimeProvider.System, _plugins, () => _host!);
        _host = Mock.Of<IPluginHost>(
            host => host.Yank == _yank && host.Chardevs == _table && host.Clock == TimeProvider.System
                && host.Objects == Mock.Of<IUserObjects>() && host.Descriptors == _descriptors);
        _plugins.AddHost(registry => ChardevCommands.Register(registry, _table, _plugins, TimeProvider.System));
    }

    public async ValueTask DisposeAsync()
    {
        await _table.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_ring_buffer_keeps_the_last_of_what_was_written()
    {
        var device = Assert.IsType<RingbufDevice>(await AddAsync("r", "ringbuf", """{"size": 16}"""));
        await using var stream = await device.AcceptAsync(default);

        await stream!.WriteAsync("hello world, all of it"u8.ToArray());

        Assert.Equal("world", Encoding.UTF8.GetString(device.Read(5)));
        Assert.Equal(", all of it", Encoding.UTF8.GetString(device.Read(500)));
        Assert.Empty(device.Read(1));
    }

    [Theory]
    [InlineData("ringbuf", """{"size": 17}""", "size of ringbuf chardev must be power of two")]
    [InlineData("ringbuf", """{"size": 0}""", "size of ringbuf chardev must be power of two")]
    [InlineData("ringbuf", """{"size": -9223372036854775808}""", "size of ringbuf chardev must be power of two")]
    [InlineData("ringbuf", """{"size": 4611686018427387904}""", "size of ringbuf chardev is at most 1073741824 bytes")]
    [InlineData("pipe", """{"device": "/nope"}""", "Could not open '/nope': No such file or directory")]
    [InlineData("serial", """{"device": "/nope"}""", "Could not open '/nope': No such file or directory")]
    [InlineData("file", """{"out": "/nope/x"}""", "Could not open '/nope/x': No such file or directory")]
    [InlineData("vc", "{}", "'vc' is not a valid char driver name")]
    [InlineData(
        "socket",
        """{"addr": {"type": "unix", "data": {"path": "/nope.sock"}}, "server": false}""",
        "Failed to connect to '/nope.sock': No such file or directory")]
    public async Task What_cannot_be_opened_is_refused_with_qemus_text_and_leaves_nothing(string type, string data, string error)
    {
        var refused = await Assert.ThrowsAsync<QmpException>(() => AddAsync("x", type, data));

        Assert.Equal($"Failed to add chardev 'x': {error}", refused.Message);
        Assert.Empty(_table.List());
        Assert.Empty(_yank.List());
    }

    [Fact]
    public async Task A_file_gets_what_is_written_and_keeps_what_it_had_where_asked_to()
    {
        var path = Path.Combine(_folder, "out");
        await WriteAsync("a", $$"""{"out": "{{path}}"}""", "one ");
        await WriteAsync("b", $$"""{"out": "{{path}}", "append": true}""", "two ");
        Assert.Equal("one two ", await File.ReadAllTextAsync(path));

        await WriteAsync("c", $$"""{"out": "{{path}}"}""", "three");
        Assert.Equal("three", await File.ReadAllTextAsync(path));
    }

    [Fact]
    public async Task A_log_file_gets_a_copy()
    {
        var (path, log) = (Path.Combine(_folder, "out"), Path.Combine(_folder, "log"));

        await WriteAsync("a", $$"""{"out": "{{path}}", "logfile": "{{log}}"}""", "both");

        Assert.Equal(("both", "both"), (await File.ReadAllTextAsync(path), await File.ReadAllTextAsync(log)));
    }

    [Fact]
    public async Task A_pseudo_terminal_is_left_and_opened_again()
    {
        var device = await AddAsync("p", "pty", "{}");
        Assert.Equal("pty:" + device.Pty, device.FileName);
        await using var stream = await device.AcceptAsync(default);

        for (var round = 0; round < 2; round++)
        {
            await using var other = new FileStream(device.Pty!, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 0);
            await other.WriteAsync("ping"u8.ToArray());
            Assert.Equal("ping", await ReadAsync(stream!, 4));
            await stream!.WriteAsync("pong"u8.ToArray());
            Assert.Equal("pong", await ReadAsync(other, 4));
        }
    }

    [Fact]
    public async Task A_stream_that_is_closed_ends_who_reads_it()
    {
        var device = await AddAsync("p", "pty", "{}");
        var stream = await device.AcceptAsync(default);
        var reading = stream!.ReadAsync(new byte[1]).AsTask();

        await _table.RemoveAsync("p");

        Assert.Equal(0, await reading.WaitAsync(Soon));
    }

    [Fact]
    public async Task Datagrams_go_to_the_remote_address_and_come_from_it()
    {
        using var peer = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        peer.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)peer.LocalEndPoint!).Port;
        var device = await AddAsync(
            "u", "udp", $$"""{"remote": {"type": "inet", "data": {"host": "127.0.0.1", "port": "{{port}}"} } }""");
        await using var stream = await device.AcceptAsync(default);

        await stream!.WriteAsync("ping"u8.ToArray());
        var datagram = new byte[16];
        var got = await peer.ReceiveFromAsync(datagram, new IPEndPoint(IPAddress.Any, 0)).WaitAsync(Soon);
        await peer.SendToAsync("pong"u8.ToArray(), got.RemoteEndPoint);

        Assert.Equal("ping", Encoding.UTF8.GetString(datagram, 0, got.ReceivedBytes));
        Assert.Equal("pong", await ReadAsync(stream, 4));
    }

    [Fact]
    public async Task A_yank_closes_a_sockets_connections_and_the_server_goes_on()
    {
        var path = Path.Combine(_folder, "sock");
        var device = await AddAsync(
            "s", "socket", $$"""{"addr": {"type": "unix", "data": {"path": "{{path}}"} }, "server": true, "wait": false}""");
        Assert.Equal($"disconnected:unix:{path},server=on", device.FileName);
        using var client = await ConnectAsync(path);
        await using var stream = await device.AcceptAsync(default).AsTask().WaitAsync(Soon);
        Assert.Equal($"unix:{path},server=on", device.FileName);
        var instance = Assert.Single(_yank.List());
        Assert.Equal(("chardev", """{"id":"s"}"""), (instance.Type, instance.Identity.GetRawText()));

        _yank.Yank([instance]);

        Assert.Equal(0, await stream!.ReadAsync(new byte[1]).AsTask().WaitAsync(Soon));
        Assert.Equal(0, await client.ReceiveAsync(new byte[1]).WaitAsync(Soon));
        using var next = await ConnectAsync(path);
        await using var served = await device.AcceptAsync(default).AsTask().WaitAsync(Soon);
        Assert.NotNull(served);
        await _table.RemoveAsync("s");
        Assert.Empty(_yank.List());
    }

    [Fact]
    public async Task A_yank_ends_the_wait_for_a_first_client()
    {
        var path = Path.Combine(_folder, "sock");
        var adding = AddAsync(
            "s", "socket", $$"""{"addr": {"type": "unix", "data": {"path": "{{path}}"} }, "server": true, "wait": true}""");
        while (!Readiness.IsReady(path) && !adding.IsCompleted)
            await Task.Delay(5);

        _yank.Yank([Assert.Single(_yank.List())]);

        var error = await Assert.ThrowsAsync<QmpException>(() => adding.WaitAsync(Soon));
        Assert.Equal("Failed to add chardev 's': The wait for the other side was ended by yank", error.Message);
        Assert.Empty(_yank.List());
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task A_device_that_is_used_stays()
    {
        var device = await AddAsync("n", "null", "{}");
        _table.Take(device);

        var refused = await Assert.ThrowsAsync<QmpException>(() => _table.RemoveAsync("n").AsTask());
        Assert.Equal("Chardev 'n' is busy", refused.Message);
        Assert.Equal(
            "Chardev with id 'n' already exists",
            (await Assert.ThrowsAsync<QmpException>(() => AddAsync("n", "null", "{}"))).Message);
    }

    private static async Task<Socket> ConnectAsync(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        return socket;
    }

    private static async Task<string> ReadAsync(Stream stream, int length)
    {
        var bytes = new byte[length];
        await stream.ReadExactlyAsync(bytes).AsTask().WaitAsync(Soon);
        return Encoding.UTF8.GetString(bytes);
    }

    private async Task WriteAsync(string id, string data, string text)
    {
        var device = await AddAsync(id, "file", data);
        await using (var stream = await device.AcceptAsync(default))
            await stream!.WriteAsync(Encoding.UTF8.GetBytes(text));
        await _table.RemoveAsync(id);
    }

    private async Task<Chardev> AddAsync(string id, string type, string data)
    {
        if (_plugins.Find("chardev.standard") is null)
            await _plugins.AddLinkedAsync("chardev.standard", new StandardPlugin(), default);
        using var backend = JsonDocument.Parse($$"""{"type": "{{type}}", "data": {{data}} }""");
        return await _table.AddAsync(id, backend.RootElement.Clone(), default);
    }
}
