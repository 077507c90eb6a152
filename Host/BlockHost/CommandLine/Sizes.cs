// SPDX-License-Identifier: MIT
using System.Globalization;

namespace BlockHost.CommandLine;

internal enum SizeError
{
    None,
    NotANumber,
    OutOfRange,
}

/// <summary>Sizes in bytes as the tools read and print them: 64M, 1.5k, 0x1000.</summary>
internal static class Sizes
{
    private const string Suffixes = "kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.";

    private const string Units = "BKMGTPE";

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

    /// <summary>As C's strtol-based size parser: decimal with a fraction, or hexadecimal, and one suffix of bkMGTPE.</summary>
    public static SizeError TryParse(string text, out long bytes, bool fractions = true)
    {
        var error = TryParseUnsigned(text, out var unsigned, fractions);
        bytes = (long)Math.Min(unsigned, long.MaxValue);
        return error == SizeError.None && unsigned > long.MaxValue ? SizeError.OutOfRange : error;
    }

    /// <summary>As the other, up to 16 exabytes less one.</summary>
    public static SizeError TryParseUnsigned(string text, out ulong bytes, bool fractions = true)
    {
        bytes = 0;
        var s = text.AsSpan().TrimStart();
        if (s.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            return TryParseHex(s[2..], out bytes);

        var end = s.IndexOfAnyExcept("0123456789.");
        var digits = end < 0 ? s : s[..end];
        var suffix = end < 0 ? default : s[end..];
        if (digits.IsEmpty || digits[0] == '.' || suffix.Length > 1 || (!fractions && digits.Contains('.')))
            return SizeError.NotANumber;
        if (!decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value))
            return digits.Count('.') > 1 ? SizeError.NotANumber : SizeError.OutOfRange;
        return Scale(value, suffix, out bytes);
    }

    /// <summary>A size argument of a qemu-img or qemu-nbd option.</summary>
    /// <param name="what">As the message names it: "image size".</param>
    /// <exception cref="ToolException">It is no size, or not in the range.</exception>
    public static long Parse(string what, string text, long min = 0, long max = long.MaxValue)
    {
        var error = TryParse(text, out var bytes);
        if (error == SizeError.OutOfRange || (error == SizeError.None && (bytes < min || bytes > max)))
            throw new ToolException($"Invalid {what} specified. Must be between {min} and {max}.");
        if (error == SizeError.NotANumber)
            throw new ToolException($"Invalid {what} specified. You may use k, M, G, T, P or E suffixes for") { SecondMessage = Suffixes };
        return bytes;
    }

    private static SizeError TryParseHex(ReadOnlySpan<char> s, out ulong bytes)
    {
        bytes = 0;
        var end = s.IndexOfAnyExcept("0123456789abcdefABCDEF");
        var digits = end < 0 ? s : s[..end];
        var suffix = end < 0 ? default : s[end..];
        if (digits.IsEmpty || suffix.Length > 1)
            return SizeError.NotANumber;
        if (!ulong.TryParse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var value))
            return SizeError.OutOfRange;
        return Scale(value, suffix, out bytes);
    }

    private static SizeError Scale(decimal value, ReadOnlySpan<char> suffix, out ulong bytes)
    {
        bytes = 0;
        var unit = suffix.IsEmpty ? 0 : Units.IndexOf(char.ToUpperInvariant(suffix[0]));
        if (unit < 0)
            return SizeError.NotANumber;
        // As C does it: the fraction is a double, and so is what it is multiplied by.
        var scale = 1L << (10 * unit);
        var whole = decimal.Truncate(value);
        var part = (decimal)(long)((double)(value - whole) * scale);
        if ((whole * scale) + part > ulong.MaxValue)
            return SizeError.OutOfRange;
        bytes = (ulong)((whole * scale) + part);
        return SizeError.None;
    }

    /// <summary>C's "%0.3g" for numbers from 0 to 1000.</summary>
    private static string ThreeDigits(decimal value)
    {
        var decimals = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
        var rounded = Math.Round(value, decimals, MidpointRounding.ToEven);
        return rounded >= 1000 ? "1e+03" : rounded.ToString("0.###", CultureInfo.InvariantCulture);
    }
}
