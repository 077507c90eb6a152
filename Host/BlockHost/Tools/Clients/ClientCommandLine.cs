// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Tools.Daemon;

namespace BlockHost.Tools.Clients;

/// <summary>The command line of a tool that talks to a running daemon: which one, and what to say.</summary>
internal sealed class ClientCommandLine
{
    private readonly HashSet<string> _flags = new(StringComparer.Ordinal);
    private readonly List<string> _words = [];
    private string? _socket;

    /// <summary>What is no option.</summary>
    public IReadOnlyList<string> Words => _words;

    /// <param name="flags">Options of the tool's own.</param>
    /// <returns>Null: help is asked for.</returns>
    /// <exception cref="ToolException">There is no such option.</exception>
    public static ClientCommandLine? Read(IReadOnlyList<string> args, params string[] flags)
    {
        var options = new OptionTable("h", ["help=h", "qmp:", "state:", .. flags]);
        var line = new ClientCommandLine();
        foreach (var item in GetOpt.Read(args, options))
        {
            switch (item)
            {
                case { Kind: GetOptKind.Operand }:
                    line._words.Add(item.Value!);
                    break;
                case { Kind: GetOptKind.Option, Key: "h" }:
                    return null;
                case { Kind: GetOptKind.Option, Key: "qmp" }:
                    line._socket = item.Value;
                    break;
                case { Kind: GetOptKind.Option, Key: "state" }:
                    line._socket = EmbeddedState.MonitorOf(item.Value);
                    break;
                case { Kind: GetOptKind.Option, Key: var flag }:
                    line._flags.Add(flag);
                    break;
                default:
                    throw ToolException.Option(item, options, pointToHelp: true);
            }
        }

        return line;
    }

    public bool Has(string flag) => _flags.Contains(flag);

    /// <summary>The daemon that is named, or that of a "serve" without options.</summary>
    public Task<QmpConnection> ConnectAsync(CancellationToken cancellationToken) =>
        QmpConnection.OpenAsync(_socket ?? EmbeddedState.MonitorOf(folder: null), cancellationToken);
}
