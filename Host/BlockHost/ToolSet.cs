// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Tools.Daemon;
using BlockHost.Tools.Img;
using BlockHost.Tools.Io;
using BlockHost.Tools.Jobs;
using BlockHost.Tools.Nbd;
using BlockHost.Tools.Plugins;
using BlockHost.Tools.Replay;
using BlockHost.Tools.Shell;

namespace BlockHost;

/// <summary>One of the programs that this one can be.</summary>
internal interface ITool
{
    /// <returns>The exit code.</returns>
    Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken);
}

internal static class ToolSet
{
    public static ITool Create(Role role, ToolConsole console, IHostFactory hosts) => role switch
    {
        Role.Img => new ImgTool(console, hosts),
        Role.Io => new IoTool(console, hosts),
        Role.Nbd => new NbdTool(console, hosts),
        Role.Serve => new DaemonTool(console, hosts, embeddedDefault: true),
        Role.StorageDaemon => new DaemonTool(console, hosts, embeddedDefault: false),
        Role.Jobs => new JobsTool(console),
        Role.Shell => new ShellTool(console),
        Role.Replay => new ReplayTool(console, hosts),
        Role.Plugin => new PluginTool(console, hosts),
        _ => new FrontDoor(console),
    };
}
