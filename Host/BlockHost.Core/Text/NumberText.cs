// SPDX-License-Identifier: MIT
using System.Globalization;

namespace BlockHost.Core.Text;

/// <summary>Numbers as command lines and json: names write them: decimal, octal (0…) and hexadecimal (0x…).</summary>
public static class NumberText
{
    private const string SizeSuffixes = "bkmgtpe";

    /// <summary>As C's strtoll with base 0; a size suffix (k, M, G, …) is understood beyond that.</summary>
    public static bool TryParse(string text, out Int128 number)
    {
        number = 0;
        var digits = text.AsSpan().TrimStart(" \t\n\v\f\r");
        var negative = digits.StartsWith('-');
        if (negative || digits.StartsWith('+'))
            digits = digits[1..];
        var radix = Radix(ref digits);
        var scale = radix == 10 ? Scale(ref digits) : Int128.One;
        if (digits.IsEmpty)
            return false;
        foreach (var c in digits)
        {
            var digit = Digit(c);
            if (digit < 0 || digit >= radix)
                return false;
            number = (number * radix) + digit;
            if (number > ulong.MaxValue)
                return false;
        }

        number *= negative ? -scale : scale;
        return number >= long.MinValue && number <= ulong.MaxValue;
    }

    /// <summary>As <see cref="TryParse"/>, without suffixes.</summary>
    public static bool TryParsePlain(string text, out Int128 number)
    {
        number = 0;
        return text.Length > 0 && (char.IsAsciiDigit(text[^1]) || text.Contains('x', StringComparison.OrdinalIgnoreCase))
            && TryParse(text, out number);
    }

    public static bool TryParseReal(string text, out double number) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out number) && double.IsFinite(number);

    private static int Radix(ref ReadOnlySpan<char> digits)
    {
        if (digits.Length < 2 || digits[0] != '0')
            return 10;
        var hexadecimal = digits[1] is 'x' or 'X';
        if (!hexadecimal && !char.IsAsciiDigit(digits[1]))
            return 10;
        digits = digits[(hexadecimal ? 2 : 1)..];
        return hexadecimal ? 16 : 8;
    }

    private static Int128 Scale(ref ReadOnlySpan<char> digits)
    {
        var power = digits.IsEmpty ? -1 : SizeSuffixes.IndexOf(char.ToLowerInvariant(digits[^1]));
        if (power < 0)
            return Int128.One;
        digits = digits[..^1];
        return Int128.One << (10 * power);
    }

    private static int Digit(char c) => c switch
    {
        >= '0' and <= '9' => c - '0',
        >= 'a' and <= 'f' => c - 'a' + 10,
        >= 'A' and <= 'F' => c - 'A' + 10,
        _ => -1,
    };
}
