// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Composition;
using BlockHost.Core;
using BlockHost.Core.Block;
using BlockHost.Core.Composition;
using BlockHost.Core.Logging;
using BlockHost.Core.Objects;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Core.Qmp;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace BlockHost.Oracle.Tests.Support;

/// <summary>The host with the real block plugins, in this process, without a monitor.</summary>
internal sealed class HostBed : IQmpEvents, IQmpCall, IAsyncDisposable
{
    private readonly RecordedLog _log = new();
    private readonly ServiceProvider _services;
    private readonly QmpDispatcher _dispatcher;

    private HostBed()
    {
        var services = new ServiceCollection();
        services.AddSingleton<ILoggerFactory>(_log);
        services.AddBlockHostCore();
        services.AddSingleton<IQmpEvents>(this);
        services.AddSingleton(
            provider =>
                new PluginManager(new PluginManagerOptions { Host = provider.GetRequiredService<IPluginHost>, Loggers = _log }));
        _services = services.BuildServiceProvider();
        _services.GetRequiredService<HostWarnings>().Given += Warnings.Add;
        var plugins = _services.GetRequiredService<PluginManager>();
        plugins.AddHost(registry => CoreServices.RegisterHost(_services, registry));
        var types = new QapiTypes();
        var branches = new QapiBranches(plugins, types);
        Schema = new QapiIntrospection(plugins, types, branches);
        _dispatcher = new QmpDispatcher(
            plugins, new QapiInput(types, branches), _services.GetRequiredService<PluginFaults>(), _log);
    }

    public QapiIntrospection Schema { get; }

    public IEnumerable<RecordedEntry> Log => _log.Entries;

    public IPluginHost Host => _services.GetRequiredService<IPluginHost>();

    public IBlockGraph Graph => Host.Graph;

    public List<string> Warnings { get; } = [];

    public string MonitorId => "test";

    public bool OutOfBand => false;

    public ConcurrentQueue<(string Name, JsonElement Data)> Events { get; } = [];

    /// <param name="more">Plugins of the test's own.</param>
    public static async Task<HostBed> StartAsync(params IEnumerable<Plugin> more)
    {
        var bed = new HostBed();
        foreach (var (id, plugin) in LinkedPlugins.All().Select(
            plugin => (plugin.Id, plugin.Create())).Concat(more.Select(plugin => (plugin.GetType().Name, plugin))))
            await bed._services.GetRequiredService<PluginManager>().AddLinkedAsync(id, plugin, CancellationToken.None);
        return bed;
    }

    /// <summary>The answer to one request line, without its id.</summary>
    public async Task<JsonNode> ExecuteAsync(string request)
    {
        using var json = JsonDocument.Parse(request, QmpJson.Reading);
        var arguments = json.RootElement.TryGetProperty("arguments", out var given) ? given : default;
        var output = new ArrayBufferWriter<byte>();
        try
        {
            await using var writer = new Utf8JsonWriter(output, QmpJson.Writing);
            await _dispatcher.DispatchAsync(
                this, json.RootElement.GetProperty("execute").GetString()!, arguments, writer, CancellationToken.None);
            await writer.FlushAsync();
            return new JsonObject { ["return"] = JsonNode.Parse(output.WrittenSpan, documentOptions: QmpJson.Reading) };
        }
        catch (QmpException e)
        {
            return Error(e.Class.ToString(), e.Message);
        }
        catch (BlockException e)
        {
            return Error("GenericError", e.Message);
        }
    }

    public void Emit<T>(QmpEvent<T> qmpEvent, T data) => Events.Enqueue((qmpEvent.Name, qmpEvent.Serialize(data)));

    public void Emit(QmpSignal signal) => Events.Enqueue((signal.Name, default));

    public async Task StopPluginsAsync() =>
        await _services.GetRequiredService<PluginManager>().StopAllAsync(CancellationToken.None);

    /// <summary>Ends as the daemon does: exports, jobs, nodes, and plugins when nothing uses them any more.</summary>
    public async ValueTask DisposeAsync()
    {
        var graph = _services.GetRequiredService<BlockGraph>();
        graph.StopOpening();
        await Host.Exports.RemoveAllAsync(type: null, CancellationToken.None);
        if (Host.Jobs is IAsyncDisposable jobs)
            await jobs.DisposeAsync();
        await graph.DisposeAsync();
        await StopPluginsAsync();
        await _services.DisposeAsync();
    }

    private static JsonObject Error(string errorClass, string text) =>
        new() { ["error"] = new JsonObject { ["class"] = errorClass, ["desc"] = text } };
}
