// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using BlockHost.Block;

namespace BlockHost.Tools.Io;

/// <summary>read -v: sixteen bytes a line, in hexadecimal and as text.</summary>
internal static class HexDump
{
    private const int Width = 16;

    /// <param name="offset">Of the first byte, as the lines count it.</param>
    public static void Append(StringBuilder output, IoSlice data, long offset)
    {
        Span<byte> line = stackalloc byte[Width];
        for (var at = 0L; at < data.Length; at += Width)
        {
            var piece = line[..(int)Math.Min(Width, data.Length - at)];
            data.Slice(at, piece.Length).CopyTo(piece);
            AppendLine(output, piece, offset + at);
        }
    }

    private static void AppendLine(StringBuilder output, ReadOnlySpan<byte> line, long offset)
    {
        output.Append(CultureInfo.InvariantCulture, $"{offset:x8}:  ");
        foreach (var b in line)
            output.Append(CultureInfo.InvariantCulture, $"{b:x2} ");
        output.Append(' ');
        foreach (var b in line)
            output.Append(char.IsAsciiLetterOrDigit((char)b) ? (char)b : '.');
        output.Append('\n');
    }
}
