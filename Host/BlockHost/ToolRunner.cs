// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Core.Plugins;
using BlockHost.Images;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost;

/// <summary>Runs one tool from its arguments to its exit code; what ends it is told on its console.</summary>
internal static class ToolRunner
{
    public static async Task<int> RunAsync(
        Role role,
        ToolConsole console,
        IHostFactory hosts,
        IReadOnlyList<string> args,
        CancellationToken cancellationToken = default)
    {
        try
        {
            if (console.HasOwnName && role is Role.Img or Role.Io or Role.Nbd or Role.Replay)
                (args, hosts) = HostArguments.Take(args, hosts);
            return await RunOrStartOverAsync(role, console, hosts, args, cancellationToken);
        }
        catch (ToolException e)
        {
            return console.Fail(e);
        }
        catch (Exception e) when (e is QmpException or PluginException or IOException)
        {
            return console.Fail(new ToolException(e.Message) { Hint = ImageErrors.HintOf(e) });
        }
    }

    private static async Task<int> RunOrStartOverAsync(
        Role role, ToolConsole console, IHostFactory hosts, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        try
        {
            var work = ToolSet.Create(role, console, hosts).RunAsync(args, cancellationToken);
            return await Task.WhenAny(work, console.GivenUp) == work ? await work : 1;
        }
        catch (NotLinkedInException e)
        {
            hosts.StartOver(e);
            throw;
        }
    }
}
