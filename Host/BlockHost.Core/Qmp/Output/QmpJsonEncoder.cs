// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Encodings.Web;

namespace BlockHost.Core.Qmp.Output;

/// <summary>Escapes as QEMU does: only what JSON asks for, and everything beyond printable ASCII.</summary>
internal sealed unsafe class QmpJsonEncoder : JavaScriptEncoder
{
    public static QmpJsonEncoder Instance { get; } = new();

    public override int MaxOutputCharactersPerInputCharacter => 12;

    public override bool WillEncode(int unicodeScalar) => unicodeScalar is < 0x20 or > 0x7E or '"' or '\\';

    public override int FindFirstCharacterToEncode(char* text, int textLength) =>
        new ReadOnlySpan<char>(text, textLength).IndexOfAnyExcept(System.Buffers.SearchValues.Create(Plain));

    public override bool TryEncodeUnicodeScalar(
        int unicodeScalar, char* buffer, int bufferLength, out int numberOfCharactersWritten)
    {
        Span<char> escaped = stackalloc char[12];
        var length = Encode(unicodeScalar, escaped);
        numberOfCharactersWritten = length <= bufferLength ? length : 0;
        return escaped[..length].TryCopyTo(new Span<char>(buffer, bufferLength));
    }

    private const string Plain =
        " !#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~";

    private static int Encode(int scalar, Span<char> to)
    {
        var letter = scalar switch
        {
            '"' => '"',
            '\\' => '\\',
            '\b' => 'b',
            '\f' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            _ => '\0',
        };
        if (letter != 0)
        {
            (to[0], to[1]) = ('\\', letter);
            return 2;
        }

        Span<char> units = stackalloc char[2];
        var count = new Rune(scalar).EncodeToUtf16(units);
        for (var i = 0; i < count; i++)
            to[(6 * i)..].TryWrite($"\\u{(int)units[i]:X4}", out _);
        return 6 * count;
    }
}
