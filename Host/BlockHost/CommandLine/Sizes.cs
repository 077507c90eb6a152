// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Core.Qapi;
using BlockHost.Core.Text;

namespace BlockHost.CommandLine;

/// <summary>Sizes in bytes as the tools read and print them: 64M, 1.5k, 0x1000.</summary>
internal static class Sizes
{
    private const string Suffixes = "kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.";

    /// <summary>Three significant digits: "64 MiB", "1.25 MiB", "196 KiB", "512 B".</summary>
    public static string Human(long bytes, string plainUnit = "B")
    {
        ReadOnlySpan<string> units = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
        var unit = 0;
        while (unit < units.Length - 1 && (decimal)bytes / (1L << (10 * unit)) >= 1000)
            unit++;
        var value = ThreeDigits((decimal)bytes / (1L << (10 * unit)));
        return $"{value} {(unit == 0 ? plainUnit : units[unit] + "B")}";
    }

    /// <inheritdoc cref="SizeText.TryParse"/>
    public static SizeError TryParse(string text, out long bytes, bool fractions = true) =>
        SizeText.TryParse(text, out bytes, fractions);

    /// <inheritdoc cref="SizeText.TryParseUnsigned"/>
    public static SizeError TryParseUnsigned(string text, out ulong bytes, bool fractions = true) =>
        SizeText.TryParseUnsigned(text, out bytes, fractions);

    /// <summary>A size argument of a qemu-img or qemu-nbd option.</summary>
    /// <param name="what">As the message names it: "image size".</param>
    /// <exception cref="ToolException">It is no size, or not in the range.</exception>
    public static long Parse(string what, string text, long min = 0, long max = long.MaxValue)
    {
        var error = TryParse(text, out var bytes);
        if (error == SizeError.OutOfRange || (error == SizeError.None && (bytes < min || bytes > max)))
            throw new ToolException($"Invalid {what} specified. Must be between {min} and {max}.");
        if (error == SizeError.NotANumber)
            throw new ToolException($"Invalid {what} specified. You may use k, M, G, T, P or E suffixes for")
            { SecondMessage = Suffixes };
        return bytes;
    }

    /// <summary>C's "%0.3g" for numbers from 0 to 1000.</summary>
    private static string ThreeDigits(decimal value)
    {
        var decimals = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
        var rounded = Math.Round(value, decimals, MidpointRounding.ToEven);
        return rounded >= 1000 ? "1e+03" : rounded.ToString("0.###", CultureInfo.InvariantCulture);
    }
}
