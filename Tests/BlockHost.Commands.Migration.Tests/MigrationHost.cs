// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Composition;
using BlockHost.Core.Block;
using BlockHost.Core.Composition;
using BlockHost.Core.Machine;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qmp;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Microsoft.Extensions.DependencyInjection;

namespace BlockHost.Commands.Migration.Tests;

/// <summary>A host with every plugin, in this process, without a monitor's socket.</summary>
internal sealed class MigrationHost : IQmpEvents, IQmpCall, IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly ServiceProvider _services;

    private MigrationHost()
    {
        var services = new ServiceCollection();
        services.AddBlockHostCore();
        services.AddSingleton<IQmpEvents>(this);
        services.AddBlockHostMonitors();
        services.AddSingleton(
            provider => new PluginManager(new PluginManagerOptions { Host = provider.GetRequiredService<IPluginHost> }));
        _services = services.BuildServiceProvider();
        var plugins = _services.GetRequiredService<PluginManager>();
        plugins.AddHost(registry => CoreServices.RegisterHost(_services, registry));
        plugins.AddHost(registry => MonitorComposition.RegisterHost(_services, registry));
    }

    public IPluginHost Host => _services.GetRequiredService<IPluginHost>();

    public string MonitorId => "test";

    public bool OutOfBand => false;

    public ConcurrentQueue<string> Events { get; } = [];

    public static async Task<MigrationHost> StartAsync(bool waitsForState = false)
    {
        var host = new MigrationHost();
        foreach (var plugin in LinkedPlugins.All())
            await host._services.GetRequiredService<PluginManager>().AddLinkedAsync(
                plugin.Id, plugin.Create(), CancellationToken.None);
        if (waitsForState)
            host._services.GetRequiredService<MachineState>().WaitForState();
        await host.RunAsync("migrate-set-capabilities", """{"capabilities":[{"capability":"events","state":true}]}""");
        return host;
    }

    /// <summary>Runs a command that must succeed.</summary>
    public async Task<JsonNode> RunAsync(string command, string arguments = "{}")
    {
        using var json = JsonDocument.Parse(arguments);
        var output = new ArrayBufferWriter<byte>();
        await using (var writer = new Utf8JsonWriter(output))
            await _services.GetRequiredService<IQmpDispatcher>().DispatchAsync(
                this, command, json.RootElement, writer, CancellationToken.None);
        return JsonNode.Parse(output.WrittenSpan)!;
    }

    /// <summary>What a command is refused with.</summary>
    public async Task<string> FailAsync(string command, string arguments = "{}")
    {
        var error = await Record.ExceptionAsync(() => RunAsync(command, arguments));
        Assert.True(error is QmpException or BlockException, $"{command}: {error}");
        return error.Message;
    }

    public async Task<string> StatusAsync() => (string?)(await RunAsync("query-migrate"))["status"] ?? "none";

    public async Task<string> RunStateAsync() => (string)(await RunAsync("query-status"))["status"]!;

    /// <summary>Waits until the migration has come to one of these states.</summary>
    public async Task<string> WaitAsync(params string[] states)
    {
        var end = DateTime.UtcNow + Patience;
        while (DateTime.UtcNow < end)
        {
            var status = await StatusAsync();
            if (states.Contains(status))
                return status;
            await Task.Delay(5);
        }

        throw new TimeoutException($"The migration is {await RunAsync("query-migrate")}");
    }

    public Task AddDiskAsync(string fileName, string format = "qcow2") => RunAsync(
        "blockdev-add",
        $$"""{"driver":"{{format}}","node-name":"disk","file":{"driver":"file","node-name":"file","filename":"{{fileName}}"} }""");

    public Task SetCapabilitiesAsync(params string[] names) => RunAsync(
        "migrate-set-capabilities",
        $$"""{"capabilities":[{{string.Join(',', names.Select(name => $$"""{"capability":"{{name}}","state":true}"""))}}]}""");

    public async ValueTask DisposeAsync()
    {
        await Host.Exports.RemoveAllAsync(type: null, CancellationToken.None);
        await _services.GetRequiredService<BlockGraph>().DisposeAsync();
        await _services.GetRequiredService<PluginManager>().StopAllAsync(CancellationToken.None);
        await _services.DisposeAsync();
    }

    public void Emit<T>(QmpEvent<T> qmpEvent, T data)
    {
        var json = qmpEvent.Serialize(data);
        Events.Enqueue(json.TryGetProperty("status", out var status) ? $"{qmpEvent.Name} {status}" : qmpEvent.Name);
    }

    public void Emit(QmpSignal signal) => Events.Enqueue(signal.Name);
}
