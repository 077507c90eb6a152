// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace BlockHost.Tools.Differential.Tests.Sides;

/// <summary>Programs started as processes.</summary>
internal static class ProgramRunner
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static ToolResult Run(string folder, string program, IReadOnlyList<string> args, string input = "") =>
        KeyTiming.Retry(() => RunOnce(folder, program, args, input), result => result.Error);

    private static ToolResult RunOnce(string folder, string program, IReadOnlyList<string> args, string input)
    {
        using var process = Start(folder, program, args);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        try
        {
            process.StandardInput.Write(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended without reading.
        }

        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', args)} does not end");
        }

        return new(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }

    public static Process Start(string folder, string program, IReadOnlyList<string> args)
    {
        var start = new ProcessStartInfo(program)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var arg in args)
            start.ArgumentList.Add(arg);
        start.Environment["LC_ALL"] = "C";
        start.Environment["TZ"] = "UTC";
        return Process.Start(start)!;
    }
}
