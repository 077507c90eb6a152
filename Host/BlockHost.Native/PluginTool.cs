// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Composition;

namespace BlockHost.Tools.Plugins;

/// <summary>blockhost plugin: the plugins that are linked into the program.</summary>
internal sealed class PluginTool(ToolConsole console, IHostFactory hosts) : ITool
{
    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        if (args is not ["list"])
            throw ToolException.Usage("Usage: blockhost plugin list");
        await using var host = await hosts.StartAsync(HostOptions.ForTool, cancellationToken);
        foreach (var plugin in host.Plugins.List())
            console.Out.Write($"{plugin.Id,-20} {plugin.Version,-10} {plugin.State.ToString().ToLowerInvariant()}\n");
        return 0;
    }
}
