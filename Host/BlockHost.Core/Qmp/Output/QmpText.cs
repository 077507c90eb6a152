// SPDX-License-Identifier: MIT
using System.Buffers;

namespace BlockHost.Core.Qmp.Output;

/// <summary>
/// QEMU's spelling of JSON on the wire: a blank after each comma and colon, a carriage return and line feed after each
/// message. Scripts search for <c>"return": {}</c>.
/// </summary>
internal static class QmpText
{
    public static ReadOnlySpan<byte> EndOfMessage => "\r\n"u8;

    /// <param name="compact">JSON without white space.</param>
    public static void AppendSpaced(ReadOnlySpan<byte> compact, IBufferWriter<byte> output)
    {
        while (!compact.IsEmpty)
        {
            var next = compact.IndexOfAny((byte)'"', (byte)',', (byte)':');
            if (next < 0)
            {
                output.Write(compact);
                return;
            }

            var isString = compact[next] == (byte)'"';
            var length = isString ? next + StringLength(compact[next..]) : next + 1;
            output.Write(compact[..length]);
            if (!isString)
                output.Write(" "u8);
            compact = compact[length..];
        }
    }

    private static int StringLength(ReadOnlySpan<byte> text)
    {
        var i = 1;
        while (true)
        {
            i += text[i..].IndexOfAny((byte)'"', (byte)'\\');
            if (text[i] == (byte)'"')
                return i + 1;
            i += 2;
        }
    }
}
