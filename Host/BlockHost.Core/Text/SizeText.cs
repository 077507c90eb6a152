// SPDX-License-Identifier: MIT
using System.Globalization;

namespace BlockHost.Core.Text;

/// <summary>What is wrong with the text of a size.</summary>
public enum SizeError
{
    None,
    NotANumber,
    OutOfRange,
}

/// <summary>Sizes in bytes as text: 64M, 1.5k, 0x1000. A fraction needs a unit: there is no half a byte.</summary>
public static class SizeText
{
    private const string Units = "BKMGTPE";

    /// <summary>As <see cref="TryParseUnsigned"/>, up to 8 exabytes less one.</summary>
    public static SizeError TryParse(string text, out long bytes, bool fractions = true)
    {
        var error = TryParseUnsigned(text, out var unsigned, fractions);
        bytes = (long)Math.Min(unsigned, long.MaxValue);
        return error == SizeError.None && unsigned > long.MaxValue ? SizeError.OutOfRange : error;
    }

    /// <summary>Decimal with a fraction, or hexadecimal, and one suffix of bkMGTPE; up to 16 exabytes less one.</summary>
    public static SizeError TryParseUnsigned(string text, out ulong bytes, bool fractions = true)
    {
        bytes = 0;
        var s = text.AsSpan().TrimStart(" \t\n\v\f\r");
        if (s.StartsWith('+'))
            s = s[1..];
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
        if (unit < 0 || (unit == 0 && value != decimal.Truncate(value)))
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
}
