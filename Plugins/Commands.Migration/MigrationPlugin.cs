// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Commands.Migration;

[assembly: PluginEntry(typeof(MigrationPlugin))]

namespace BlockHost.Plugins.Commands.Migration;

/// <summary>Moves the machine to another host, and takes one from there.</summary>
public sealed class MigrationPlugin : Plugin
{
    private readonly MigrationService _service = new();

    public override void Register(IPluginRegistry registry)
    {
        MigrationCommands.Register(registry, _service);
        registry.Add(_service.Events.Status);
        registry.Add(_service.Events.Pass);
        registry.Add(new MigrationYank());
    }

    public override ValueTask StartAsync(IPluginHost host, CancellationToken cancellationToken)
    {
        _service.Start(host);
        return ValueTask.CompletedTask;
    }

    public override ValueTask StopAsync(CancellationToken cancellationToken) => _service.StopAsync();
}
