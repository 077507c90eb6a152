// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Chardevs;
using BlockHost.Core.Chardevs;
using BlockHost.Core.Machine;
using BlockHost.Core.Objects;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Core.Qmp;
using BlockHost.Core.Qmp.Commands;
using BlockHost.Core.Qmp.Sessions;
using BlockHost.Plugins;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;

namespace BlockHost.Qmp.Tests.Support;

/// <summary>The monitor part of the host, on a Unix socket of its own.</summary>
internal sealed class TestDaemon : IAsyncDisposable
{
    private readonly Monitors _monitors;

    public TestDaemon(MonitorLimits? limits = null, TimeProvider? clock = null)
    {
        clock ??= TimeProvider.System;
        Folder = Directory.CreateTempSubdirectory("qmp").FullName;
        var host = new Mock<IPluginHost>();
        Catalog = new PluginManager(new PluginManagerOptions { Host = () => host.Object });
        var types = new QapiTypes();
        Objects = new UserObjects(Catalog, () => host.Object);
        var branches = new QapiBranches(Catalog, types);
        Input = new QapiInput(types, branches);
        Events = new MonitorEvents(clock);
        Lifetime = new HostLifetime(Events);
        host.SetupGet(it => it.Events).Returns(Events);
        host.SetupGet(it => it.Objects).Returns(Objects);
        host.SetupGet(it => it.Loggers).Returns(NullLoggerFactory.Instance);
        Catalog.AddHost(
            new MonitorCommands(Catalog, new QapiIntrospection(Catalog, types, branches), Objects, Lifetime).Register);
        var machine = new MachineState(Mock.Of<IBlockGraph>(), Events);
        Catalog.AddHost(registry => MachineCommands.Register(registry, machine));
        Catalog.AddHost(Commands.Register);
        Chardevs = new ChardevTable(Objects, clock);
        _monitors = new Monitors(new QmpDispatcher(Catalog, Input), host.Object, Events, limits ?? new MonitorLimits(), clock);
    }

    public string Folder { get; }

    public string SocketPath => Path.Combine(Folder, "qmp.sock");

    public PluginManager Catalog { get; }

    public QapiInput Input { get; }

    public UserObjects Objects { get; }

    public MonitorEvents Events { get; }

    public HostLifetime Lifetime { get; }

    public ChardevTable Chardevs { get; }

    public TestCommands Commands { get; } = new();

    public long InputHeld => _monitors.InputHeld;

    public int SessionCount => _monitors.SessionCount;

    public static async Task<TestDaemon> StartAsync(MonitorLimits? limits = null, TimeProvider? clock = null)
    {
        var daemon = new TestDaemon(limits, clock);
        await daemon.ListenAsync($"socket,id=c,path={daemon.SocketPath},server=on,wait=off", "c");
        return daemon;
    }

    public async Task<Chardev> ListenAsync(string chardev, string monitor)
    {
        var device = await Chardevs.AddAsync(ChardevParser.Parse(chardev), waiting: null, CancellationToken.None);
        await _monitors.AddAsync(monitor, Input, Chardevs, CancellationToken.None);
        return device;
    }

    /// <summary>A client that has read the greeting.</summary>
    public async Task<TestClient> ConnectAsync()
    {
        var client = await TestClient.ConnectAsync(SocketPath);
        Assert.Contains("\"QMP\"", await client.ReadAsync());
        return client;
    }

    /// <summary>A client in command mode.</summary>
    public async Task<TestClient> NegotiateAsync(bool oob = false)
    {
        var client = await ConnectAsync();
        var enable = oob ? ",\"arguments\":{\"enable\":[\"oob\"]}" : "";
        Assert.Equal("{\"return\": {}}", await client.AskAsync($"{{\"execute\":\"qmp_capabilities\"{enable}}}"));
        return client;
    }

    public IDisposable HoldMonitors() => _monitors.Hold();

    public Task StopMonitorsAsync() => _monitors.StopAsync(TimeSpan.FromSeconds(5));

    public async ValueTask DisposeAsync()
    {
        Commands.Gate.TrySetResult();
        await _monitors.DisposeAsync();
        await Chardevs.DisposeAsync();
        Events.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
