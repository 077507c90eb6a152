// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace BlockHost.ThirdParty.Tests;

/// <summary>Runs the SDK as a third party would, with a package cache of its own.</summary>
internal static class DotnetTool
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    public static async Task RunAsync(string folder, string packageCache, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["NUGET_PACKAGES"] = packageCache;
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        // A build server that outlives the test would keep the temporary folder in use.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        foreach (var inherited in start.Environment.Keys.Where(
            key => key.StartsWith("MSBUILD", StringComparison.Ordinal) && key != "MSBUILDDISABLENODEREUSE").ToList())
            start.Environment.Remove(inherited);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        using var timeout = new CancellationTokenSource(Patience);
        await process.WaitForExitAsync(timeout.Token);
        Assert.True(process.ExitCode == 0, $"dotnet {string.Join(' ', arguments)}:\n{await output}{await errors}");
    }
}
