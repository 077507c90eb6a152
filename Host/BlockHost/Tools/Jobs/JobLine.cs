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
    private const int WidestBar = 30;
    private const int NarrowestBar = 4;

    /// <summary>Where nobody looks at a terminal.</summary>
    public const int UsualWidth = 80;

    /// <summary>A line for each job. All bars are as long as lines of <paramref name="width"/> columns let them be.</summary>
    /// <param name="jobs">Of x-blockhost-query-job-progress, or, from other daemons, of query-jobs.</param>
    public static List<string> Of(IReadOnlyList<JsonElement> jobs, int width)
    {
        if (jobs.Count == 0)
            return [];
        var rest = jobs.Max(job => Head(job).Length + Percentage(Percent(job)).Length + Tail(job).Length);
        var bar = Math.Min(WidestBar, width - rest - "[] ".Length);
        return [.. jobs.Select(job => Of(job, bar < NarrowestBar ? 0 : bar))];
    }

    private static string Of(JsonElement job, int barWidth)
    {
        var line = $"{Head(job)}{Bar(Percent(job), barWidth)}{Percentage(Percent(job))}{Tail(job)}";
        return (Text(job, "error") is { } error ? $"{line}  {error}" : line).TrimEnd();
    }

    private static string Head(JsonElement job) =>
        $"{Text(job, "id"),-16} {Text(job, "type"),-8} {Text(job, "status") ?? "",-9} ";

    private static string Tail(JsonElement job) => Rate(job) + Left(job);

    // A job without anything to do, or that does not know yet how much, has no share of it.
    private static double? Percent(JsonElement job)
    {
        var done = Number(job, "current") ?? Number(job, "current-progress");
        var total = Number(job, "total") ?? Number(job, "total-progress");
        return done is { } d && total is > 0 and { } t ? Math.Clamp(100.0 * d / t, 0, 100) : null;
    }

    private static string Bar(double? percent, int width)
    {
        if (width == 0)
            return "";
        if (percent is not { } share)
            return $"[{new string(' ', width)}] ";
        var filled = (int)(share / 100 * width);
        return $"[{(filled == width ? new string('=', width) : (new string('=', filled) + ">").PadRight(width))}] ";
    }

    private static string Percentage(double? percent) =>
        percent is { } share ? $"{share.ToString("0.0", CultureInfo.InvariantCulture),5}%" : "      ";

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

    private static string? Text(JsonElement job, string member) =>
        job.TryGetProperty(member, out var value) ? value.GetString() : null;

    private static long? Number(JsonElement job, string member) =>
        job.TryGetProperty(member, out var value) ? value.GetInt64() : null;
}
