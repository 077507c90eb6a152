// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Plugins;
using BlockHost.Qmp;
using BlockHost.Yank;
using Fixture;

[assembly: PluginEntry(typeof(YankTypePlugin))]

namespace Fixture;

/// <summary>
/// A third party's kind of yank instance: tunnels, which a command opens and a yank cuts. Another command leaves no thread of
/// the pool free until a file is gone, its own among them.
/// </summary>
public sealed class YankTypePlugin : Plugin
{
    private readonly Dictionary<(string, ushort), IDisposable> _tunnels = [];
    private IPluginHost? _host;
    private int _hanging;

    public override void Register(IPluginRegistry registry)
    {
        registry.Add(new TunnelYank());
        registry.Add(QmpCommand.CreateAction("fixture-tunnel-open", () => FixtureJson.Default.Tunnel, (_, tunnel, _) =>
        {
            Open(tunnel);
            return ValueTask.CompletedTask;
        }));
        registry.Add(QmpCommand.CreateAction("fixture-hang-pool", () => FixtureJson.Default.HangPool, (_, hang, _) =>
        {
            ThreadPool.GetMaxThreads(out _, out var ports);
            ThreadPool.SetMaxThreads(hang.Threads, ports);
            ThreadPool.SetMinThreads(hang.Threads, ports);
            for (var i = 0; i < hang.Threads * 2; i++)
                ThreadPool.UnsafeQueueUserWorkItem(_ => HangWhileThere(hang), null);
            HangWhileThere(hang);
            return ValueTask.CompletedTask;
        }));
    }

    public override ValueTask StartAsync(IPluginHost host, CancellationToken cancellationToken)
    {
        _host = host;
        return ValueTask.CompletedTask;
    }

    public override ValueTask StopAsync(CancellationToken cancellationToken)
    {
        lock (_tunnels)
        {
            foreach (var tunnel in _tunnels.Values)
                tunnel.Dispose();
            _tunnels.Clear();
        }

        return ValueTask.CompletedTask;
    }

    private void HangWhileThere(HangPool hang)
    {
        if (Interlocked.Increment(ref _hanging) == hang.Threads)
            File.WriteAllText(hang.File + ".all", "");
        while (File.Exists(hang.File))
            Thread.Sleep(20);
    }

    private void Open(Tunnel tunnel)
    {
        var identity = JsonSerializer.SerializeToElement(tunnel, FixtureJson.Default.Tunnel);
        var registration = _host!.Yank.Register(new YankInstance("fixture-tunnel", identity), () => Cut(tunnel));
        lock (_tunnels)
            _tunnels[(tunnel.Gateway, tunnel.Port)] = registration;
    }

    private void Cut(Tunnel tunnel)
    {
        lock (_tunnels)
        {
            if (_tunnels.Remove((tunnel.Gateway, tunnel.Port), out var registration))
                registration.Dispose();
        }
    }
}

public sealed record Tunnel
{
    public required string Gateway { get; init; }

    public required ushort Port { get; init; }
}

public sealed record HangPool
{
    public required int Threads { get; init; }

    /// <summary>The threads hang for as long as it is there. When they all do, one is made beside it: FILE.all.</summary>
    public required string File { get; init; }
}

public sealed class TunnelYank : YankInstanceProvider
{
    public override string InstanceType => "fixture-tunnel";

    public override JsonTypeInfo? IdentityType => FixtureJson.Default.Tunnel;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower)]
[JsonSerializable(typeof(Tunnel))]
[JsonSerializable(typeof(HangPool))]
internal sealed partial class FixtureJson : JsonSerializerContext;
