// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace BlockHost.Testing;

/// <summary>What tests do to other processes.</summary>
public static class Processes
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    /// <summary>Stops it, and returns when it stands still: a signal takes effect a moment later.</summary>
    public static void Stop(int id)
    {
        using (var kill = Process.Start("kill", ["-STOP", $"{id}"]))
            kill.WaitForExit();
        for (var clock = Stopwatch.StartNew(); !StandsStill(id) && clock.Elapsed < Soon;)
            Thread.Sleep(1);
    }

    /// <summary>Those that have a text among their arguments, zombies not among them.</summary>
    public static IReadOnlyList<int> WithArgument(string text) => [.. Directory.GetDirectories("/proc").Select(Path.GetFileName)
        .Where(name => int.TryParse(name, out _)).Select(name => int.Parse(name!, null)).Where(id => HasArgument(id, text))];

    private static bool HasArgument(int id, string text)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/cmdline").Contains(text, StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It has ended, or is another user's.
            return false;
        }
    }

    /// <remarks>/proc/ID/task/*/stat: ID (NAME) STATE …, of each thread.</remarks>
    private static bool StandsStill(int id)
    {
        try
        {
            return Directory.GetDirectories($"/proc/{id}/task").All(thread =>
            {
                var stat = File.ReadAllText(Path.Combine(thread, "stat"));
                return stat[stat.LastIndexOf(')') + 2] is 'T' or 'Z' or 'X';
            });
        }
        catch (IOException)
        {
            // It has ended.
            return true;
        }
    }
}
