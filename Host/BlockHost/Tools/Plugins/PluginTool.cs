// SPDX-License-Identifier: MIT
using System.CommandLine;
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Core.Plugins;
using Spectre.Console;

namespace BlockHost.Tools.Plugins;

/// <summary>blockhost plugin: what plugins there are, and what they provide. No plugin's code runs.</summary>
internal sealed class PluginTool(ToolConsole console, IHostFactory hosts) : ITool
{
    private static readonly Option<string[]> PluginPath = new("--plugin-path") { Description = "Plugins, a folder each", HelpName = "DIR" };
    private static readonly Option<string[]> Manifests = new("--manifests") { Description = "Manifests of plugins", HelpName = "DIR" };
    private static readonly Option<string?> Composition = new("--composition") { Description = "A composition: a file, or a name beside the manifests", HelpName = "NAME" };

    public Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var configuration = new InvocationConfiguration { Output = console.Out, Error = console.Error, EnableDefaultExceptionHandler = false };
        return Build().Parse(["plugin", .. args]).InvokeAsync(configuration, cancellationToken);
    }

    private RootCommand Build()
    {
        var list = new Command("list", "List the plugins, their state and what they provide");
        list.SetAction(ListAsync);
        var id = new Argument<string>("ID") { Description = "The plugin, as 'plugin list' names it" };
        var info = new Command("info", "Show one plugin") { id };
        info.SetAction((result, cancellationToken) => InfoAsync(result, result.GetValue(id)!, cancellationToken));
        var plugin = new Command("plugin", "Show the plugins that this host knows") { list, info, Recursive(PluginPath), Recursive(Manifests), Recursive(Composition) };
        return new RootCommand { plugin };
    }

    private static T Recursive<T>(T option)
        where T : Option
    {
        option.Recursive = true;
        return option;
    }

    private async Task<int> ListAsync(ParseResult result, CancellationToken cancellationToken)
    {
        await using var host = await StartAsync(result, cancellationToken);
        var table = new Table().Border(TableBorder.Simple).AddColumns("Plugin", "Version", "State", "Provides");
        foreach (var plugin in host.Plugins.List())
            table.AddRow(Markup.Escape(plugin.Id), Markup.Escape(plugin.Version ?? ""), Markup.Escape(StateOf(plugin)), Markup.Escape(PluginSummary.Short(plugin)));
        Terminal().Write(table);
        return 0;
    }

    private async Task<int> InfoAsync(ParseResult result, string id, CancellationToken cancellationToken)
    {
        await using var host = await StartAsync(result, cancellationToken);
        var plugin = host.Plugins.Find(id) ?? throw new ToolException($"There is no plugin '{id}'; 'plugin list' lists them");
        var grid = new Grid().AddColumn().AddColumn();
        foreach (var (label, value) in PluginSummary.Facts(plugin))
            grid.AddRow(label, Markup.Escape(value));
        Terminal().Write(grid);
        return 0;
    }

    private static string StateOf(PluginInfo plugin)
    {
        var state = plugin.State.ToString().ToLowerInvariant();
        return plugin.Reason is { } reason ? $"{state}: {reason}" : state;
    }

    private ValueTask<RunningHost> StartAsync(ParseResult result, CancellationToken cancellationToken)
    {
        var fromEnvironment = HostOptions.ForTool;
        var options = fromEnvironment with
        {
            PluginFolders = [.. result.GetValue(PluginPath) ?? [], .. fromEnvironment.PluginFolders],
            ManifestFolders = [.. result.GetValue(Manifests) ?? [], .. fromEnvironment.ManifestFolders],
            Composition = result.GetValue(Composition) ?? fromEnvironment.Composition,
        };
        return hosts.StartAsync(options, cancellationToken);
    }

    /// <summary>Wide enough that lines do not break where the output is read by a program.</summary>
    private IAnsiConsole Terminal()
    {
        var terminal = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(console.Out) });
        if (Console.IsOutputRedirected)
            terminal.Profile.Width = 1000;
        return terminal;
    }
}

/// <summary>A plugin in words.</summary>
internal static class PluginSummary
{
    public static string Short(PluginInfo plugin) => string.Join("; ", Groups(plugin).Select(group => $"{group.Kind}: {group.Names}"));

    public static IEnumerable<(string Label, string Value)> Facts(PluginInfo plugin)
    {
        yield return ("Plugin", plugin.Id);
        if (plugin.Name is { } name)
            yield return ("Name", name);
        if (plugin.Description is { Length: > 0 } description)
            yield return ("Description", description);
        if (plugin.Version is { } version)
            yield return ("Version", version);
        if (plugin.Contract is { } contract)
            yield return ("Contract", contract);
        yield return ("State", plugin.State.ToString().ToLowerInvariant());
        if (plugin.Reason is { } reason)
            yield return ("Reason", reason);
        if (plugin.Assembly is { } assembly)
            yield return ("Assembly", assembly);
        foreach (var (kind, names) in Groups(plugin))
            yield return ($"Provides {kind}", names);
    }

    private static IEnumerable<(string Kind, string Names)> Groups(PluginInfo plugin)
    {
        if (plugin.Provides is not { } provides)
            return [];
        (string Kind, IReadOnlyList<string> Names)[] groups =
        [
            ("drivers", provides.Drivers), ("jobs", provides.Jobs), ("actions", provides.Actions), ("yank", provides.Yank), ("devices", provides.Devices),
            ("exports", provides.Exports), ("commands", provides.Commands), ("events", provides.Events), ("types", provides.Types),
        ];
        return groups.Where(group => group.Names.Count > 0).Select(group => (group.Kind, string.Join(", ", group.Names)));
    }
}
