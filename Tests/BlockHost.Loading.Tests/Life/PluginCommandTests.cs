// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Text.Json;
using BlockHost.Core.Plugins;
using BlockHost.Loading.Tests.Support;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Moq;

namespace BlockHost.Loading.Tests.Life;

/// <summary>plugin-load, plugin-unload, query-plugins and PLUGIN_STATE_CHANGE, as a monitor would call them.</summary>
public sealed class PluginCommandTests : IDisposable
{
    private readonly PluginBed _bed = new();
    private readonly PluginManager _manager;
    private readonly List<string> _events = [];

    public PluginCommandTests()
    {
        _manager = _bed.InstallOrdinary().CreateManager();
        var commands = new PluginCommands(_manager);
        _manager.AddHost(commands.Register);
        var events = new Mock<IQmpEvents>();
        events.Setup(e => e.Emit(It.IsAny<QmpEvent<PluginStateChange>>(), It.IsAny<PluginStateChange>()))
            .Callback(
                (QmpEvent<PluginStateChange> qmpEvent, PluginStateChange data) =>
                    _events.Add($"{qmpEvent.Name} {qmpEvent.Serialize(data)}"));
        commands.EmitTo(events.Object);
    }

    public void Dispose() => _bed.Dispose();

    [Fact]
    public async Task A_plugins_life_over_the_protocol()
    {
        var info = await CallAsync("plugin-load", """{ "id": "fixture.ordinary" }""");
        Assert.Equal("loaded", info.GetProperty("state").GetString());

        var listed = (await CallAsync("query-plugins", "{}"))[0];
        Assert.Equal("fixture.ordinary", listed.GetProperty("id").GetString());
        Assert.Equal("[1.0, 2.0)", listed.GetProperty("contract").GetString());
        Assert.Equal("fixture-zeroes", listed.GetProperty("provides").GetProperty("drivers")[0].GetString());
        Assert.False(listed.TryGetProperty("reason", out _));

        info = await CallAsync("plugin-unload", """{ "id": "fixture.ordinary", "timeout": 10 }""");
        Assert.Equal("available", info.GetProperty("state").GetString());
        Assert.Equal(
            [
                """PLUGIN_STATE_CHANGE {"id":"fixture.ordinary","state":"loaded"}""",
                """PLUGIN_STATE_CHANGE {"id":"fixture.ordinary","state":"unloading"}""",
                """PLUGIN_STATE_CHANGE {"id":"fixture.ordinary","state":"available"}""",
            ],
            _events);
    }

    [Theory]
    [InlineData("plugin-load", "{}", "Exactly one of 'id' and 'manifest' must be given")]
    [InlineData("plugin-load", """{ "id": "a", "manifest": "b" }""", "Exactly one of 'id' and 'manifest' must be given")]
    [InlineData("plugin-load", """{ "id": "fixture.none" }""", "Plugin 'fixture.none' is unknown: no manifest has that id")]
    [InlineData("plugin-load", """{ "manifest": "/nowhere/x.json" }""", "its manifest /nowhere/x.json cannot be read")]
    [InlineData("plugin-unload", """{ "id": "fixture.ordinary" }""", "Plugin 'fixture.ordinary' is not loaded")]
    [InlineData("plugin-unload", """{ "id": "fixture.ordinary", "timeout": -1 }""", "Parameter 'timeout' expects")]
    public async Task Mistakes_are_errors_with_reasons(string command, string arguments, string message)
    {
        var error = await Assert.ThrowsAsync<QmpException>(() => CallAsync(command, arguments));

        Assert.Equal(QmpErrorClass.GenericError, error.Class);
        Assert.Contains(message, error.Message);
    }

    private async Task<JsonElement> CallAsync(string name, string arguments)
    {
        var command = await _manager.Of(ProvidedKind.Command).FindAsync(name, CancellationToken.None);
        using var document = JsonDocument.Parse(arguments);
        var buffer = new ArrayBufferWriter<byte>();
        await using (var writer = new Utf8JsonWriter(buffer))
            await command!.Value.InvokeAsync(Mock.Of<IQmpCall>(), document.RootElement, writer, CancellationToken.None);
        return JsonDocument.Parse(buffer.WrittenMemory).RootElement.Clone();
    }
}
