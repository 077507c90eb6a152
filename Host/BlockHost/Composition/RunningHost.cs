// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Core;
using BlockHost.Core.Block;
using BlockHost.Core.Chardevs;
using BlockHost.Core.Descriptors;
using BlockHost.Core.Machine;
using BlockHost.Core.Metrics;
using BlockHost.Core.Objects;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Core.Qmp;
using BlockHost.Core.Yank;
using BlockHost.Images;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Microsoft.Extensions.DependencyInjection;

namespace BlockHost.Composition;

/// <summary>A composed host, as the tools see it.</summary>
internal sealed class RunningHost(ServiceProvider services) : IAsyncDisposable
{
    /// <summary>How long commands that still run may take when the host ends.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>How long what is in flight with other machines may take then.</summary>
    private static readonly TimeSpan PeersPatience = TimeSpan.FromSeconds(1.5);

    private readonly HostCall _call = new(services.GetRequiredService<IPluginHost>());
    private readonly Lazy<bool> _commands = new(() => Register(services));
    private bool _hasMonitors;
    private RequestWatch? _watch;

    public PluginManager Plugins => Get<PluginManager>();

    public IPluginHost Services => Get<IPluginHost>();

    public QapiInput Input => Get<QapiInput>();

    public QapiHelp Help => Get<QapiHelp>();

    public DescriptorSets DescriptorSets => Get<DescriptorSets>();

    public ImageOpener Images => Get<ImageOpener>();

    /// <summary>Told to the tool's user.</summary>
    public HostWarnings Warnings => Get<HostWarnings>();

    /// <summary>Completes when a monitor's client asks for the end.</summary>
    public Task QuitRequested => Get<HostLifetime>().StopRequested;

    /// <summary>Clients of monitors and servers wait until the result is disposed, when all is open.</summary>
    public IDisposable HoldClients()
    {
        // A daemon begins; tools that run and end are measured by nobody.
        _ = Get<HostMetrics>();
        return new Hold(Get<HostStartup>().Hold(), Get<Monitors>().Hold());
    }

    /// <summary>-S: the machine waits for cont.</summary>
    public void WaitForStart() => Get<MachineState>().WaitForStart();

    /// <summary>
    /// An image whose password is to come (block_passwd) keeps the machine from starting; cont starts it.
    /// </summary>
    public async ValueTask WaitForPasswordsAsync(CancellationToken cancellationToken)
    {
        foreach (var node in Get<BlockGraph>().Nodes.Where(node => !node.IsActive))
        {
            if ((await node.GetFactsAsync(cancellationToken)).IsKeyMissing)
                WaitForStart();
        }
    }

    /// <summary>--incoming: the machine waits for its state, and images are another host's until that has come.</summary>
    public void WaitForState() => Get<MachineState>().WaitForState();

    /// <summary>From now on a request that waits longer is worth a line in the log.</summary>
    public void WatchRequests(TimeSpan limit) => _watch = new RequestWatch(Get<BlockGraph>(), limit);

    /// <summary>Runs a QMP command as the command line's.</summary>
    public async ValueTask ExecuteAsync(string command, JsonElement arguments, CancellationToken cancellationToken)
    {
        _ = _commands.Value;
        using var result = new Utf8JsonWriter(new ArrayBufferWriter<byte>(), QmpJson.Writing);
        await Get<IQmpDispatcher>().DispatchAsync(_call, command, arguments, result, cancellationToken);
    }

    public ValueTask ExecuteAsync(string command, JsonObject arguments, CancellationToken cancellationToken) =>
        ExecuteAsync(command, HostJson.ToElement(arguments), cancellationToken);

    /// <summary>--object.</summary>
    /// <exception cref="ToolException">Help was asked for.</exception>
    public async ValueTask AddObjectAsync(string definition, CancellationToken cancellationToken)
    {
        _ = _commands.Value;
        if (OptionHelp.IsAskedFor(definition))
            throw await OptionHelp.OfAsync(Help, QapiExtension.ObjectOptions, definition, cancellationToken);
        var options = await Input.ParseAsync(QapiExtension.ObjectOptions, definition, "qom-type", cancellationToken);
        await ExecuteAsync("object-add", options, cancellationToken);
    }

    /// <summary>--chardev.</summary>
    /// <param name="waiting">Told when a server waits for its first client.</param>
    public async ValueTask AddChardevAsync(string definition, Action<string> waiting, CancellationToken cancellationToken)
    {
        _ = _commands.Value;
        var device = await Get<CommandLineChardevs>().AddAsync(definition, waiting, cancellationToken);
        if (device.Pty is { } terminal)
            Warnings.Note($"char device redirected to {terminal} (label {device.Id})");
    }

    /// <summary>--monitor.</summary>
    public ValueTask AddMonitorAsync(string definition, CancellationToken cancellationToken)
    {
        _hasMonitors = _commands.Value;
        return Get<Monitors>().AddAsync(definition, Input, Get<ChardevTable>(), cancellationToken);
    }

    /// <summary>
    /// Ends in order: clients of exports get their last replies, jobs are cancelled, images are flushed and closed,
    /// monitors hear of all of it and are closed last. A peer that does not answer cannot keep it from ending.
    /// </summary>
    public async Task ShutDownAsync(ShutdownCause cause)
    {
        Get<HostLifetime>().RequestStop(cause);
        Get<BlockGraph>().StopOpening();
        await using var lastResort = Services.Clock.CreateTimer(_ => YankAll(), null, PeersPatience, Timeout.InfiniteTimeSpan);
        await Services.Exports.RemoveAllAsync(type: null, CancellationToken.None);
        if (Services.Jobs is IAsyncDisposable jobs)
            await jobs.DisposeAsync();
        await Get<BlockGraph>().DisposeAsync();
        await Get<UserObjects>().DisposeAsync();
        using var limit = new CancellationTokenSource(Patience);
        foreach (var (id, error) in await Plugins.StopAllAsync(limit.Token))
            Warnings.Give($"warning: plugin '{id}' did not stop: {error.Message}");
        if (_hasMonitors)
            await Get<Monitors>().StopAsync(Patience);
    }

    public ValueTask DisposeAsync()
    {
        _watch?.Dispose();
        return services.DisposeAsync();
    }

    private static bool Register(ServiceProvider services)
    {
        HostComposition.RegisterHost(services);
        return true;
    }

    private void YankAll()
    {
        var yank = Get<YankRegistry>();
        foreach (var instance in yank.List())
        {
            Warnings.Give($"warning: shutting down: giving up on {instance.Type} {instance.Identity}");
            try
            {
                yank.Yank([instance]);
            }
            catch (QmpException)
            {
                // It has just been closed.
            }
        }
    }

    private T Get<T>()
        where T : notnull => services.GetRequiredService<T>();

    /// <summary>Monitors last: whoever is greeted finds the rest there.</summary>
    private sealed class Hold(IDisposable servers, IDisposable monitors) : IDisposable
    {
        public void Dispose()
        {
            servers.Dispose();
            monitors.Dispose();
        }
    }

    /// <summary>A call that no monitor made.</summary>
    private sealed class HostCall(IPluginHost host) : IQmpCall
    {
        public IPluginHost Host => host;

        public string MonitorId => "command line";

        public bool OutOfBand => false;
    }
}
