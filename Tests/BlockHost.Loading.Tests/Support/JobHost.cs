// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Collections.Concurrent;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Core.Composition;
using BlockHost.Core.Metrics;
using BlockHost.Core.Objects;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Core.Qmp;
using BlockHost.Plugins;
using BlockHost.Plugins.Commands.Job;
using BlockHost.Qmp;
using Microsoft.Extensions.DependencyInjection;

namespace BlockHost.Loading.Tests.Support;

/// <summary>The whole host over a bed of plugins from files, with the job commands linked in.</summary>
internal sealed class JobHost : IQmpEvents, IQmpCall, IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly QmpDispatcher _dispatcher;

    private JobHost(PluginBed bed)
    {
        var services = new ServiceCollection();
        services.AddBlockHostCore();
        services.AddSingleton<IQmpEvents>(this);
        services.AddSingleton(
            provider =>
                new PluginManager(
                    new PluginManagerOptions { Host = provider.GetRequiredService<IPluginHost>, Loader = bed.Loader }));
        services.AddBlockHostMonitors();
        _services = services.BuildServiceProvider();
        Plugins = _services.GetRequiredService<PluginManager>();
        Plugins.AddHost(registry => CoreServices.RegisterHost(_services, registry));
        Plugins.Discover();
        _dispatcher = (QmpDispatcher)_services.GetRequiredService<IQmpDispatcher>();
    }

    public PluginManager Plugins { get; }

    public IPluginHost Host => _services.GetRequiredService<IPluginHost>();

    public HostMetrics Metrics => _services.GetRequiredService<HostMetrics>();

    public string MonitorId => "test";

    public bool OutOfBand => false;

    /// <summary>"JOB_STATUS_CHANGE running", "BLOCK_JOB_READY", …</summary>
    public ConcurrentQueue<string> Events { get; } = [];

    public static async Task<JobHost> StartAsync(PluginBed bed)
    {
        var host = new JobHost(bed);
        await host.Plugins.AddLinkedAsync("commands.job", new CommandsJobPlugin(), CancellationToken.None);
        return host;
    }

    public async Task<string> SchemaAsync() =>
        string.Join(
            '\n',
            (await _services.GetRequiredService<QapiIntrospection>().BuildAsync(CancellationToken.None)).Select(
                entry => JsonSerializer.Serialize(entry)));

    public async Task<JsonElement> RunAsync(string command, string arguments = "{}")
    {
        var output = new ArrayBufferWriter<byte>();
        await using (var writer = new Utf8JsonWriter(output))
            await _dispatcher.DispatchAsync(
                this, command, JsonDocument.Parse(arguments).RootElement, writer, CancellationToken.None);
        return JsonDocument.Parse(output.WrittenMemory.ToArray()).RootElement;
    }

    public async Task<string> ErrorAsync(string command, string arguments)
    {
        var error = await Record.ExceptionAsync(() => RunAsync(command, arguments));
        Assert.True(error is QmpException or BlockException, $"{error}");
        return error.Message;
    }

    /// <summary>Waits until the event has come for the n-th time.</summary>
    public async Task HearAsync(string told, int times = 1)
    {
        for (var turns = 0; Events.Count(line => line == told) < times; turns++)
        {
            Assert.True(turns < 4000, $"'{told}' was not told {times} times, but: {string.Join(", ", Events)}");
            await Task.Delay(5);
        }
    }

    public void Emit<T>(QmpEvent<T> qmpEvent, T data)
    {
        var status = qmpEvent.Serialize(data).TryGetProperty("status", out var name) ? " " + name.GetString() : "";
        Events.Enqueue(qmpEvent.Name + status);
    }

    public void Emit(QmpSignal signal) => Events.Enqueue(signal.Name);

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
