// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Globalization;
using System.Text;

namespace BlockHost.Core.Json;

/// <summary>Turns a string token, in either kind of quotes, into a standard JSON string.</summary>
internal static class JsonStringText
{
    private static readonly SearchValues<byte> Special = SearchValues.Create(
        [.. "\"\\"u8, .. Enumerable.Range(0x80, 0x80).Select(b => (byte)b)]);

    /// <param name="token">With its quotes.</param>
    /// <returns>The mistake, or null.</returns>
    public static string? Normalize(ReadOnlySpan<byte> token, InputBuffer output)
    {
        output.Append((byte)'"');
        for (var i = 1; i < token.Length - 1;)
        {
            var plain = token[i..^1].IndexOfAny(Special);
            if (plain < 0)
                plain = token.Length - 1 - i;
            output.Append(token.Slice(i, plain));
            i += plain;
            if (i < token.Length - 1 && TakeSpecial(token[i..], output, ref i) is { } mistake)
                return mistake;
        }

        output.Append((byte)'"');
        return null;
    }

    private static string? TakeSpecial(ReadOnlySpan<byte> rest, InputBuffer output, ref int i)
    {
        if (rest[0] == (byte)'\\')
            return TakeEscape(rest, output, ref i);
        if (rest[0] == (byte)'"')
        {
            output.Append("\\\""u8);
            i++;
            return null;
        }

        return TakeRune(rest[..^1], output, ref i);
    }

    private static string? TakeEscape(ReadOnlySpan<byte> rest, InputBuffer output, ref int i)
    {
        switch (rest[1])
        {
            case (byte)'"' or (byte)'\\' or (byte)'/' or (byte)'b' or (byte)'f' or (byte)'n' or (byte)'r' or (byte)'t':
                output.Append(rest[..2]);
                i += 2;
                return null;
            case (byte)'\'':
                output.Append((byte)'\'');
                i += 2;
                return null;
            case (byte)'u':
                return TakeUnicodeEscape(rest, output, ref i);
            default:
                return "invalid escape sequence in string";
        }
    }

    private static string? TakeUnicodeEscape(ReadOnlySpan<byte> rest, InputBuffer output, ref int i)
    {
        var length = 6;
        var valid = TryHex(rest, out var code);
        if (valid && char.IsHighSurrogate((char)code) && rest.Length > 6 && TryHex(rest[6..], out var low)
            && char.IsLowSurrogate((char)low))
        {
            code = char.ConvertToUtf32((char)code, (char)low);
            length = 12;
        }

        if (!valid || !Rune.IsValid(code) || IsNonCharacter(code))
            return $"{Encoding.UTF8.GetString(rest[..Math.Min(length, rest.Length)])} is not a valid Unicode character";
        output.Append(rest[..length]);
        i += length;
        return null;
    }

    private static string? TakeRune(ReadOnlySpan<byte> rest, InputBuffer output, ref int i)
    {
        // QEMU's "modified UTF-8": U+0000 is C0 80, so that text has no zero byte.
        if (rest.StartsWith<byte>([0xC0, 0x80]))
        {
            output.Append("\\u0000"u8);
            i += 2;
            return null;
        }

        if (Rune.DecodeFromUtf8(rest, out var rune, out var length) != OperationStatus.Done || IsNonCharacter(rune.Value))
            return "invalid UTF-8 sequence in string";
        output.Append(rest[..length]);
        i += length;
        return null;
    }

    private static bool TryHex(ReadOnlySpan<byte> escape, out int code)
    {
        code = 0;
        return escape.Length >= 6
            && escape.StartsWith("\\u"u8)
            && escape.Slice(2, 4).IndexOfAnyExcept(HexDigits) < 0
            && int.TryParse(escape.Slice(2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out code);
    }

    private static readonly SearchValues<byte> HexDigits = SearchValues.Create("0123456789abcdefABCDEF"u8);

    private static bool IsNonCharacter(int code) => (code & 0xFFFE) == 0xFFFE || code is >= 0xFDD0 and <= 0xFDEF;
}
