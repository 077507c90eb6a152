// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Export.Nbd.Tests.Fakes;
using BlockHost.Exports;
using BlockHost.Objects;
using BlockHost.Plugins;
using BlockHost.Plugins.Export.Nbd;
using BlockHost.Qmp;
using Moq;

namespace BlockHost.Export.Nbd.Tests;

/// <summary>Error texts are those of QEMU 7.2's storage daemon for the same mistake.</summary>
public sealed class CommandTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("nbd").FullName;
    private readonly NbdPlugin _plugin = new();
    private readonly Dictionary<string, QmpCommand> _commands = [];
    private readonly Mock<IBlockExports> _exports = new();
    private readonly Mock<IPluginHost> _host = new();
    private readonly List<ExportInfo> _listed = [];
    private ExportType _type = null!;

    private string Start => """{"addr":{"type":"unix","data":{"path":"FOLDER/nbd.sock"}}}""".Replace("FOLDER", _folder);

    public Task InitializeAsync()
    {
        var registry = new Mock<IPluginRegistry>();
        registry.Setup(r => r.Add(It.IsAny<QmpCommand>())).Callback((IProvided c) => _commands.Add(c.Name, (QmpCommand)c));
        registry.Setup(r => r.Add(It.IsAny<ExportType>())).Callback((IProvided t) => _type = (ExportType)t);
        _plugin.Register(registry.Object);
        _exports.Setup(e => e.List()).Returns(_listed);
        _host.Setup(h => h.Exports).Returns(_exports.Object);
        _host.Setup(h => h.Memory).Returns(new MemoryBudget());
        _host.Setup(h => h.Clock).Returns(TimeProvider.System);
        var descriptors = new Mock<IPassedDescriptors>();
        descriptors.Setup(d => d.Resolve(It.IsAny<BlockHost.Net.SocketAddress>())).Returns((BlockHost.Net.SocketAddress a) => a);
        _host.Setup(h => h.Descriptors).Returns(descriptors.Object);
        _host.Setup(h => h.Objects).Returns(Mock.Of<IUserObjects>());
        _host.Setup(h => h.Graph.Lookup(It.IsAny<string?>(), It.IsAny<string?>()))
            .Returns<string, string>(
                (device, _) => Mock.Of<IGraphNode>(n => n.Name == device && n.ReadOnly == (device == "frozen")));
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _plugin.StopAsync(default);
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Start_and_stop_go_in_turns()
    {
        Assert.Equal("NBD server not running", await FailAsync("nbd-server-stop", "{}"));
        await RunAsync("nbd-server-start", Start);
        Assert.Equal("NBD server already running", await FailAsync("nbd-server-start", Start));
        new RawClient($"{_folder}/nbd.sock").Greet().Dispose();
        await RunAsync("nbd-server-stop", "{}");
        _exports.Verify(e => e.RemoveAllAsync("nbd", It.IsAny<CancellationToken>()));
        await RunAsync("nbd-server-start", Start.Replace("{\"addr\"", "{\"max-connections\":1,\"addr\""));
    }

    [Theory]
    [InlineData(
        """{"addr":{"type":"unix","data":{"path":"/nonexistent/x"}}}""",
        "Failed to bind socket to /nonexistent/x: No such file or directory")]
    [InlineData(
        """{"addr":{"type":"inet","data":{"host":"127.0.0.1","port":"abc"}}}""",
        "address resolution failed for 127.0.0.1:abc: Servname not supported for ai_socktype")]
    [InlineData(
        """{"addr":{"type":"inet","data":{"host":"192.0.2.1","port":"0"}}}""",
        "Failed to bind socket: Cannot assign requested address")]
    [InlineData("""{"addr":{"type":"fd","data":{"str":"monitor-fd"}}}""", "only QEMU supports file descriptor passing")]
    [InlineData("""{"addr":{"type":"unix","data":{"path":"/tmp/x"}},"tls-creds":"nope"}""", "No TLS credentials with id 'nope'")]
    public async Task A_start_that_fails_says_why(string arguments, string expected)
    {
        Assert.Equal(expected, await FailAsync("nbd-server-start", arguments));
        Assert.Equal("NBD server not running", await FailAsync("nbd-server-stop", "{}"));
    }

    [Fact]
    public async Task Tcp_is_served_on_every_address_of_a_host()
    {
        await RunAsync("nbd-server-start", """{"addr":{"type":"inet","data":{"host":"127.0.0.1","port":"0"}}}""");
        await RunAsync("nbd-server-stop", "{}");
    }

    [Fact]
    public async Task The_older_add_makes_an_export_whose_id_is_its_name()
    {
        Assert.Equal("NBD server not running", await FailAsync("nbd-server-add", """{"device":"disk"}"""));
        await RunAsync("nbd-server-start", Start);
        var requests = new List<ExportRequest>();
        _exports.Setup(e => e.AddAsync(Capture.In(requests), It.IsAny<CancellationToken>()));

        await RunAsync("nbd-server-add", """{"device":"disk","writable":true,"description":"boot"}""");
        await RunAsync("nbd-server-add", """{"device":"frozen","name":"other","writable":true}""");

        Assert.Equal([("disk", "disk", true), ("other", "frozen", false)], requests.Select(r => (r.Id, r.NodeName, r.Writable)));
        Assert.Equal("""{"name":"disk","description":"boot"}""", requests[0].Options.GetRawText());
    }

    [Fact]
    public async Task The_older_remove_takes_exports_of_this_type_only()
    {
        _listed.Add(new ExportInfo("fuse0", "fuse", "disk", ShuttingDown: false));
        Assert.Equal("Block export 'fuse0' is not an NBD export", await FailAsync("nbd-server-remove", """{"name":"fuse0"}"""));

        await RunAsync("nbd-server-remove", """{"name":"disk","mode":"hard"}""");
        _exports.Verify(e => e.Remove("disk", ExportRemoveMode.Hard));
    }

    [Fact]
    public async Task Names_are_unique_and_not_too_long()
    {
        await RunAsync("nbd-server-start", Start);
        var endless = new string('x', 4097);

        Assert.Null(await ExportAsync("{}"));
        Assert.Equal("NBD server already has export named 'disk'", await ExportAsync("""{"name":"disk"}"""));
        Assert.Equal($"export name '{endless}' too long", await ExportAsync($$"""{"name":"{{endless}}"}"""));
        Assert.Equal($"description '{endless}' too long", await ExportAsync($$"""{"name":"y","description":"{{endless}}"}"""));
    }

    private async Task<string?> ExportAsync(string options)
    {
        var context = Mock.Of<IExportContext>(c => c.Backend == new MemoryBackend(512, "disk"));
        try
        {
            await _type.CreateAsync(context, JsonDocument.Parse(options).RootElement, default);
            return null;
        }
        catch (QmpException e)
        {
            return e.Message;
        }
    }

    private async Task RunAsync(string command, string arguments)
    {
        using var stream = new MemoryStream();
        await using var writer = new Utf8JsonWriter(stream);
        await _commands[command].InvokeAsync(
            Mock.Of<IQmpCall>(c => c.Host == _host.Object), JsonDocument.Parse(arguments).RootElement, writer, default);
    }

    private async Task<string> FailAsync(string command, string arguments)
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(() => RunAsync(command, arguments));
        Assert.True(error is QmpException or BlockException, error.ToString());
        return error.Message;
    }
}
