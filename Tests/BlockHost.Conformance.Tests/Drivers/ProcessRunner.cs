// SPDX-License-Identifier: MIT
using System.ComponentModel;
using System.Diagnostics;

namespace BlockHost.Conformance.Tests.Drivers;

internal static class ProcessRunner
{
    public static bool Succeeds(string program, params string[] arguments) => Output(program, arguments) is not null;

    /// <summary>Standard output; null where the program is missing or fails.</summary>
    public static string? Output(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(
                new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? output : null;
        }
        catch (Win32Exception)
        {
            return null;
        }
    }
}
