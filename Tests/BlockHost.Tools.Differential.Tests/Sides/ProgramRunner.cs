// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace BlockHost.Tools.Differential.Tests.Sides;

/// <summary>Programs started as processes.</summary>
internal static class ProgramRunner
{
    private const int Attempts = 5;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>
    /// QEMU times how fast it derives keys, and gives up where the clock of processor time stands still: it is asked again.
    /// </summary>
    public static ToolResult Run(string folder, string program, IReadOnlyList<string> args, string input = "")
    {
        for (var attempt = 1; ; attempt++)
        {
            var result = RunOnce(folder, program, args, input);
            if (attempt == Attempts || !result.Error.Contains("Unable to get accurate CPU usage", StringComparison.Ordinal))
                return result;
        }
    }

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
