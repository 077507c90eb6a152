// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Core.Processes;

namespace BlockHost;

internal static class Program
{
    public static async Task<int> Main(string[] args)
    {
        StandardStreams.Claim();
        ReadOnlySpan<string> rest = args;
        var calledAs = CalledAs.From(CalledAs.ProgramName(), ref rest);
        string[] toolArgs = [.. rest];
        using var console = new ToolConsole(calledAs.Name);
        return await ToolRunner.RunAsync(calledAs.Role, console, HostFactory.Create(), toolArgs);
    }
}
