// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Diagnostics.Metrics;
using System.Text.Json;
using BlockHost.Composition;
using BlockHost.Core.Block;
using BlockHost.Core.Chardevs;
using BlockHost.Core.Composition;
using BlockHost.Core.Metrics;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Core.Qmp;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Microsoft.Extensions.DependencyInjection;
using Moq;

namespace BlockHost.Qmp.Tests.Support;

/// <summary>The host with every plugin, and somebody who listens to its meter alone.</summary>
internal sealed class MeasuredHost : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, long> _series = [];

    private MeasuredHost()
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(Clock);
        services.AddBlockHostCore();
        services.AddBlockHostMonitors();
        services.AddSingleton(
            provider => new PluginManager(new PluginManagerOptions { Host = provider.GetRequiredService<IPluginHost> }));
        _services = services.BuildServiceProvider();
        _services.GetRequiredService<PluginManager>().AddHost(registry =>
        {
            CoreServices.RegisterHost(_services, registry);
            MonitorComposition.RegisterHost(_services, registry);
        });
        var metrics = _services.GetRequiredService<HostMetrics>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter.Scope, metrics))
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => _series.Add(NameOf(instrument, tags), value));
        _listener.SetMeasurementEventCallback<double>(
            (instrument, value, tags, _) => Recorded.Add($"{NameOf(instrument, tags)} {value}"));
        _listener.Start();
    }

    public ManualClock Clock { get; } = new(DateTimeOffset.UnixEpoch);

    public List<string> Recorded { get; } = [];

    public IPluginHost Host => _services.GetRequiredService<IPluginHost>();

    public static async Task<MeasuredHost> StartAsync()
    {
        var host = new MeasuredHost();
        foreach (var plugin in LinkedPlugins.All())
            await host._services.GetRequiredService<PluginManager>().AddLinkedAsync(
                plugin.Id, plugin.Create(), CancellationToken.None);
        return host;
    }

    public async Task RunAsync(string command, string arguments)
    {
        await using var result = new Utf8JsonWriter(new ArrayBufferWriter<byte>());
        var call = Mock.Of<IQmpCall>(call => call.Host == Host && call.MonitorId == "test");
        await _services.GetRequiredService<IQmpDispatcher>().DispatchAsync(
            call, command, JsonDocument.Parse(arguments.Replace('\'', '"')).RootElement, result, CancellationToken.None);
    }

    public async Task ListenAsync(string socket)
    {
        var chardevs = _services.GetRequiredService<ChardevTable>();
        await chardevs.AddAsync(
            ChardevParser.Parse($"socket,id=c,path={socket},server=on,wait=off"), waiting: null, CancellationToken.None);
        await _services.GetRequiredService<Monitors>().AddAsync(
            "c", _services.GetRequiredService<QapiInput>(), chardevs, CancellationToken.None);
    }

    /// <summary>All series whose name begins so: "blockhost.node.errors{node=disk,operation=read}".</summary>
    public IReadOnlyDictionary<string, long> Read(string prefix = "")
    {
        _series.Clear();
        _listener.RecordObservableInstruments();
        return _series.Where(series => series.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary();
    }

    public async ValueTask DisposeAsync()
    {
        await Host.Exports.RemoveAllAsync(type: null, CancellationToken.None);
        await _services.GetRequiredService<BlockGraph>().DisposeAsync();
        await _services.DisposeAsync();
        Assert.Empty(Read());
        _listener.Dispose();
    }

    private static string NameOf(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var names = new List<string>();
        foreach (var (name, value) in tags)
            names.Add($"{name}={value}");
        return names.Count == 0 ? instrument.Name : $"{instrument.Name}{{{string.Join(',', names)}}}";
    }
}
