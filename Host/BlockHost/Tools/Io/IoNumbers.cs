// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.CommandLine;
using BlockHost.Core.Qapi;
using BlockHost.Core.Text;

namespace BlockHost.Tools.Io;

/// <summary>Numbers as the shell's commands read them.</summary>
internal static class IoNumbers
{
    /// <summary>Largest length of one request: what fits a signed 32-bit count of whole sectors.</summary>
    public const long MaxLength = int.MaxValue / SectorSize * (long)SectorSize;

    public const int SectorSize = 512;

    /// <summary>A size with a suffix.</summary>
    /// <exception cref="IoCommandException">It is none.</exception>
    public static long Size(string text) => Sizes.TryParse(text, out var bytes) switch
    {
        SizeError.None => bytes,
        SizeError.OutOfRange => throw new IoCommandException($"Parsing error: argument too large -- {text}"),
        _ => throw new IoCommandException($"Parsing error: non-numeric argument, or extraneous/unrecognized suffix -- {text}"),
    };

    /// <summary>A byte.</summary>
    /// <exception cref="IoCommandException">It is none.</exception>
    public static byte Pattern(string text) => Integer(text) is >= 0 and <= byte.MaxValue and var value
        ? (byte)value
        : throw new IoCommandException($"{text} is not a valid pattern byte");

    /// <summary>As C reads integers of any base: 16, 0x10, 020. Saturates.</summary>
    /// <returns>Null where the text is something else.</returns>
    public static long? Integer(string text)
    {
        var negative = text.StartsWith('-');
        var digits = text.AsSpan(negative || text.StartsWith('+') ? 1 : 0);
        var numberBase = digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? 16 : digits is ['0', _, ..] ? 8 : 10;
        digits = digits[(numberBase == 16 ? 2 : 0)..];
        if (digits.IsEmpty)
            return null;
        Int128 value = 0;
        foreach (var c in digits)
        {
            var digit = char.IsAsciiHexDigit(c) ? Convert.ToInt32(c.ToString(), 16) : int.MaxValue;
            if (digit >= numberBase)
                return null;
            value = Int128.Min((value * numberBase) + digit, long.MaxValue);
        }

        return (long)(negative ? -value : value);
    }

    public static string Invariant(long value) => value.ToString(CultureInfo.InvariantCulture);
}
