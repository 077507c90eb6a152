// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost;

internal static class Program
{
    public static Task<int> Main(string[] args)
    {
        ReadOnlySpan<string> rest = args;
        var calledAs = CalledAs.From(CalledAs.ProgramName(), ref rest);
        return RunAsync(calledAs, [.. rest]);
    }

    private static async Task<int> RunAsync(CalledAs calledAs, string[] args)
    {
        using var console = new ToolConsole(calledAs.Name);
        try
        {
            return await ToolSet.Create(calledAs.Role, console, HostFactory.Create()).RunAsync(args, CancellationToken.None);
        }
        catch (ToolException e)
        {
            return console.Fail(e);
        }
        catch (BlockException e)
        {
            return console.Fail(new ToolException(e.Message) { Hint = e.Hint });
        }
        catch (Exception e) when (e is QmpException or PluginException or IOException)
        {
            return console.Fail(new ToolException(e.Message));
        }
    }
}
