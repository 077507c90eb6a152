// SPDX-License-Identifier: MIT
using BlockHost.Composition;
using BlockHost.Core.Plugins;

namespace BlockHost.CommandLine;

/// <summary>
/// The options that every tool takes under our own name, anywhere before "--": which plugins there are. QEMU's names have
/// their environment for it.
/// </summary>
internal static class HostArguments
{
    private static readonly string[] Names = ["--plugin-path", "--manifests", "--composition"];

    /// <summary>Takes the options out.</summary>
    /// <returns>What is left, and hosts that are started with the options.</returns>
    /// <exception cref="ToolException">An option has no value.</exception>
    public static (IReadOnlyList<string> Args, IHostFactory Hosts) Take(IReadOnlyList<string> args, IHostFactory hosts)
    {
        var left = new List<string>();
        var options = new HostOptions();
        for (var i = 0; i < args.Count; i++)
        {
            if (args[i] == "--")
                return ([.. left, .. args.Skip(i)], new Configured(hosts, options));
            var (name, value) = Split(args[i]);
            if (!Names.Contains(name))
                left.Add(args[i]);
            else if ((value ?? (++i < args.Count ? args[i] : null)) is { } given)
                options = With(options, name, given);
            else
                throw ToolException.Usage($"missing argument for option '{name}'");
        }

        return (left, new Configured(hosts, options));
    }

    private static (string Name, string? Value) Split(string arg) =>
        arg.IndexOf('=', StringComparison.Ordinal) is > 0 and var at ? (arg[..at], arg[(at + 1)..]) : (arg, null);

    private static HostOptions With(HostOptions options, string name, string value) => name switch
    {
        "--plugin-path" => options with { PluginFolders = [.. options.PluginFolders, value] },
        "--manifests" => options with { ManifestFolders = [.. options.ManifestFolders, value] },
        _ => options with { Composition = value },
    };

    private sealed class Configured(IHostFactory inner, HostOptions extra) : IHostFactory
    {
        public ValueTask<RunningHost> StartAsync(HostOptions options, CancellationToken cancellationToken) => inner.StartAsync(
            options with
            {
                PluginFolders = [.. extra.PluginFolders, .. options.PluginFolders],
                ManifestFolders = [.. extra.ManifestFolders, .. options.ManifestFolders],
                Composition = extra.Composition ?? options.Composition,
            },
            cancellationToken);

        public void StartOver(NotLinkedInException reason) => inner.StartOver(reason);
    }
}
