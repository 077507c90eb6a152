// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Core.Plugins;

namespace BlockHost.Tools.Plugins;

/// <summary>blockhost plugin: what plugins there are, and what they provide. No plugin's code runs.</summary>
internal sealed class PluginTool(ToolConsole console, IHostFactory hosts) : ITool
{
    private static readonly OptionTable Options = new("h", "help=h", "json", "plugin-path:", "manifests:", "composition:");

    private static readonly string[] Words = ["list", "info"];

    private HostOptions _host = HostOptions.ForTool;
    private bool _json;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        if (Read(args) is not { } words)
        {
            console.Out.Write(Help);
            return 0;
        }

        switch (words)
        {
            case ["list"]:
                await ListAsync(cancellationToken);
                return 0;
            case ["info", var id]:
                await InfoAsync(id, cancellationToken);
                return 0;
            case ["info", ..]:
                throw ToolException.Usage("'info' takes the id of one plugin");
            case ["list", ..]:
                throw ToolException.Usage("'list' takes no plugin; 'info ID' shows one");
            case []:
                throw ToolException.Usage("a command is missing");
            default:
                throw ToolException.Unknown($"'{words[0]}' is no command", words[0], Words);
        }
    }

    private async Task ListAsync(CancellationToken cancellationToken)
    {
        await using var host = await hosts.StartAsync(_host, cancellationToken);
        var plugins = host.Plugins.List();
        if (_json)
            console.Out.Write(PluginListing.ToJson(plugins) + "\n");
        else
            console.Out.Write(string.Concat(PluginText.Table(plugins).Select(line => line + "\n")));
    }

    private async Task InfoAsync(string id, CancellationToken cancellationToken)
    {
        await using var host = await hosts.StartAsync(_host, cancellationToken);
        var plugins = host.Plugins.List();
        var plugin = plugins.FirstOrDefault(plugin => plugin.Id == id)
            ?? throw ToolException.Unknown(
                $"There is no plugin '{id}'; 'plugin list' lists them", id, plugins.Select(plugin => plugin.Id));
        if (_json)
            console.Out.Write(PluginListing.ToJson([plugin]) + "\n");
        else
            console.Out.Write(string.Concat(PluginText.Facts(plugin).Select(line => line + "\n")));
    }

    /// <returns>The words that are no options; null: help is asked for.</returns>
    private List<string>? Read(IReadOnlyList<string> args)
    {
        var words = new List<string>();
        List<string> plugins = [], manifests = [];
        foreach (var item in GetOpt.Read(args, Options))
        {
            switch (item)
            {
                case { Kind: GetOptKind.Operand }: words.Add(item.Value!); break;
                case { Kind: not GetOptKind.Option }: throw ToolException.Option(item, Options, pointToHelp: true);
                case { Key: "h" }: return null;
                case { Key: "json" }: _json = true; break;
                case { Key: "plugin-path" }: plugins.Add(item.Value!); break;
                case { Key: "manifests" }: manifests.Add(item.Value!); break;
                default: _host = _host with { Composition = item.Value }; break;
            }
        }

        _host = _host with
        {
            PluginFolders = [.. plugins, .. _host.PluginFolders],
            ManifestFolders = [.. manifests, .. _host.ManifestFolders],
        };
        return words;
    }

    private const string Help =
        """
        Usage: blockhost plugin [OPTIONS] COMMAND

        Shows the plugins that this host knows. No plugin's code runs.

          list               the plugins, a line each: state, and what they provide
          info ID            one plugin, with every name it provides

          --json             as query-plugins answers it, for programs
          --plugin-path DIR  plugins, a folder each; may be given several times
          --manifests DIR    manifests of plugins; may be given several times
          --composition NAME only the plugins of a composition: a file, or a name beside the manifests

        """;
}
