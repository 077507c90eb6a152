// SPDX-License-Identifier: MIT
using System.Text;

namespace BlockHost.Tools.Io;

/// <summary>read -v: sixteen bytes a line, in hexadecimal and as text.</summary>
internal static class HexDump
{
    private const int Width = 16;

    public static void Print(TextWriter output, ReadOnlySpan<byte> data, long offset)
    {
        for (var at = 0; at < data.Length; at += Width)
        {
            var line = data.Slice(at, Math.Min(Width, data.Length - at));
            var text = new StringBuilder($"{offset + at:x8}:  ");
            foreach (var b in line)
                text.Append($"{b:x2} ");
            text.Append(' ');
            foreach (var b in line)
                text.Append(char.IsAsciiLetterOrDigit((char)b) ? (char)b : '.');
            output.Write(text.Append('\n').ToString());
        }
    }
}
