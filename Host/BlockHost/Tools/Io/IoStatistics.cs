// SPDX-License-Identifier: MIT
using System.Globalization;

namespace BlockHost.Tools.Io;

/// <summary>The lines after a request: bytes, operations, time and rates.</summary>
internal static class IoStatistics
{
    /// <param name="verb">"read", "wrote" or "discard".</param>
    /// <param name="machine">-C: one comma-separated line.</param>
    public static void Print(TextWriter output, string verb, TimeSpan elapsed, long offset, long count, long total, bool machine, int operations = 1)
    {
        var seconds = Math.Max(elapsed.TotalSeconds, 1e-9);
        if (machine)
        {
            var time = string.Create(CultureInfo.InvariantCulture, $"{(int)elapsed.TotalHours}:{elapsed.Minutes:00}:{elapsed.Seconds:00}.{elapsed.Milliseconds / 10:00}");
            output.Write(string.Create(CultureInfo.InvariantCulture, $"{total},{operations},{time},{total / seconds:0.000},{operations / seconds:0.000}\n"));
            return;
        }

        output.Write($"{verb} {total}/{count} bytes at offset {offset}\n");
        output.Write(string.Create(
            CultureInfo.InvariantCulture,
            $"{Amount(total)}, {operations} ops; {Time(elapsed)} ({Rate(total / seconds)}/sec and {operations / seconds:0.0000} ops/sec)\n"));
    }

    /// <summary>"64 KiB", "513 bytes": in the largest unit that the amount reaches, three decimals at most.</summary>
    public static string Amount(double value)
    {
        var (scaled, unit) = Scale(value);
        var text = scaled.ToString("0.###", CultureInfo.InvariantCulture);
        return $"{text} {unit}";
    }

    private static string Rate(double value)
    {
        var (scaled, unit) = Scale(value);
        var text = value < 1 && value == 0 ? "0" : scaled.ToString(value < 1024 && scaled == Math.Floor(scaled) ? "0" : "0.000", CultureInfo.InvariantCulture);
        return $"{text} {unit}";
    }

    private static (double Value, string Unit) Scale(double value)
    {
        ReadOnlySpan<string> units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        var unit = 0;
        while (unit < units.Length - 1 && value >= 1024)
        {
            value /= 1024;
            unit++;
        }

        return (value, units[unit]);
    }

    private static string Time(TimeSpan elapsed) => elapsed.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)elapsed.TotalHours:00}:{elapsed.Minutes:00}:{elapsed.Seconds:00}")
        : elapsed.TotalMinutes >= 1
            ? string.Create(CultureInfo.InvariantCulture, $"{elapsed.Minutes:00}:{elapsed.Seconds:00}.{elapsed.Milliseconds / 10:00}")
            : string.Create(CultureInfo.InvariantCulture, $"{elapsed.Seconds:00}.{elapsed.Milliseconds / 10:00} sec");
}
