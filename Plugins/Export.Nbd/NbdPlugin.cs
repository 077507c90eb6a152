// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Export.Nbd;
using Microsoft.Extensions.Logging;

[assembly: PluginEntry(typeof(NbdPlugin))]

namespace BlockHost.Plugins.Export.Nbd;

/// <summary>Serves nodes to clients of the Network Block Device protocol.</summary>
public sealed class NbdPlugin : Plugin
{
    private readonly NbdServerControl _control = new();

    public override void Register(IPluginRegistry registry)
    {
        registry.Add(new NbdExportType(_control));
        foreach (var command in NbdCommands.All(_control))
            registry.Add(command);
    }

    public override ValueTask StartAsync(IPluginHost host, CancellationToken cancellationToken)
    {
        _control.Log = host.Loggers.CreateLogger("");
        return ValueTask.CompletedTask;
    }

    public override ValueTask StopAsync(CancellationToken cancellationToken) => _control.CloseAsync();
}
