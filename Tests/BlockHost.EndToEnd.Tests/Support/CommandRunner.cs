// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace BlockHost.EndToEnd.Tests.Support;

internal sealed record CommandResult(int ExitCode, string Output, string Error)
{
    public override string ToString() => $"exit {ExitCode}\n--- standard output\n{Output}\n--- standard error\n{Error}";
}

/// <summary>Runs a program to its end.</summary>
internal static class CommandRunner
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    public static CommandResult Run(string program, params IReadOnlyList<string> args) =>
        RunIn(Directory.GetCurrentDirectory(), program, args);

    public static CommandResult RunIn(string folder, string program, params IReadOnlyList<string> args) =>
        RunIn(folder, program, Patience, args);

    public static CommandResult RunIn(string folder, string program, TimeSpan patience, IReadOnlyList<string> args)
    {
        using var process = Start(folder, program, args);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(patience))
        {
            process.Kill();
            throw new TimeoutException($"{program} {string.Join(' ', args)} does not end: {error.Result}");
        }

        return new(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }

    /// <summary>Runs a program that must succeed, and gives its output.</summary>
    public static string Check(string folder, string program, params IReadOnlyList<string> args)
    {
        var result = RunIn(folder, program, args);
        Assert.True(result.ExitCode == 0, $"{program} {string.Join(' ', args)}: {result}");
        return result.Output;
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
