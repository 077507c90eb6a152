// SPDX-License-Identifier: MIT
using System.Globalization;

namespace BlockHost.Tools.Io;

/// <summary>The lines after a request: bytes, operations, time and rates.</summary>
internal static class IoStatistics
{
    private static readonly string[] Units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <param name="verb">"read", "wrote" or "discard".</param>
    /// <param name="machine">-C: one comma-separated line.</param>
    public static string Format(string verb, TimeSpan elapsed, long offset, long count, long total, bool machine)
    {
        const int operations = 1;
        var seconds = Math.Max(elapsed.TotalSeconds, 1e-9);
        var rate = total / seconds;
        return machine
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"{total},{operations},{Time(elapsed, full: true)},{rate:0.000},{operations / seconds:0.000}\n")
            : string.Create(
                CultureInfo.InvariantCulture,
                $"{verb} {total}/{count} bytes at offset {offset}\n{Amount(total)}, {operations} ops; {Time(elapsed, full: false)} ({Amount(rate)}/sec and {operations / seconds:0.0000} ops/sec)\n");
    }

    /// <summary>"64 KiB", "1.500 KiB", "513 bytes": in the largest unit that the amount reaches.</summary>
    public static string Amount(double value)
    {
        var unit = 0;
        for (; unit < Units.Length - 1 && value >= 1024; unit++)
            value /= 1024;
        var text = value.ToString(unit == 0 ? "F6" : "F3", CultureInfo.InvariantCulture);
        var whole = text.IndexOf(".000", StringComparison.Ordinal);
        return $"{(whole < 0 ? text : text[..whole])} {Units[unit]}";
    }

    private static string Time(TimeSpan elapsed, bool full)
    {
        var hundredths = elapsed.Milliseconds / 10;
        return full || elapsed.TotalMinutes >= 1
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"{(int)elapsed.TotalHours}:{elapsed.Minutes:00}:{elapsed.Seconds:00}.{hundredths:00}")
            : string.Create(CultureInfo.InvariantCulture, $"{elapsed.Seconds:00}.{hundredths:00} sec");
    }
}
