// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json;
using BlockHost.CommandLine;

namespace BlockHost.Tools.Jobs;

/// <summary>
/// One job as a line:
/// <code>
///   nightly  backup  running    [=========>                    ]  33.1%  412 MiB/s  1m05s left
/// </code>
/// What the daemon does not tell is left out.
/// </summary>
internal static class JobLine
{
    private const int BarWidth = 30;

    /// <param name="job">Of x-blockhost-query-job-progress, or, from other daemons, of query-jobs.</param>
    public static string Of(JsonElement job)
    {
        var status = Text(job, "status") ?? "";
        var line = $"{Text(job, "id"),-16} {Text(job, "type"),-8} {status,-9} {Bar(Percent(job))}{Rate(job)}{Left(job)}";
        return (Text(job, "error") is { } error ? $"{line}  {error}" : line).TrimEnd();
    }

    // A job without anything to do, or that does not know yet how much, has no share of it.
    private static double? Percent(JsonElement job)
    {
        var done = Number(job, "current") ?? Number(job, "current-progress");
        var total = Number(job, "total") ?? Number(job, "total-progress");
        return done is { } d && total is > 0 and { } t ? Math.Clamp(100.0 * d / t, 0, 100) : null;
    }

    private static string Bar(double? percent)
    {
        if (percent is not { } share)
            return $"[{new string(' ', BarWidth)}]       ";
        var filled = (int)(share / 100 * BarWidth);
        var bar = filled == BarWidth ? new string('=', BarWidth) : (new string('=', filled) + ">").PadRight(BarWidth);
        return $"[{bar}] {share.ToString("0.0", CultureInfo.InvariantCulture),5}%";
    }

    private static string Rate(JsonElement job) =>
        Text(job, "status") is "running" && Number(job, "rate") is > 0 and { } rate ? $"  {Sizes.Human(rate)}/s" : "";

    private static string Left(JsonElement job)
    {
        if (Number(job, "remaining-ms") is not { } milliseconds)
            return "";
        var left = TimeSpan.FromMilliseconds(milliseconds);
        return left.TotalHours >= 1 ? $"  {(long)left.TotalHours}h{left.Minutes:00}m left"
            : left.TotalMinutes >= 1 ? $"  {left.Minutes}m{left.Seconds:00}s left"
            : $"  {left.Seconds}s left";
    }

    private static string? Text(JsonElement job, string member) => job.TryGetProperty(member, out var value) ? value.GetString() : null;

    private static long? Number(JsonElement job, string member) => job.TryGetProperty(member, out var value) ? value.GetInt64() : null;
}
