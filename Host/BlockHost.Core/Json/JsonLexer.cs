// SPDX-License-Identifier: MIT
using System.Buffers;

namespace BlockHost.Core.Json;

internal enum LexStatus
{
    NeedMore,
    Token,

    /// <summary>The token text is no token; the lexer skips to where it can start again.</summary>
    Stray,
}

/// <summary>
/// Cuts a byte stream into tokens, in pieces as they arrive. QMP's JSON also has strings in single quotes.
/// <code>
///   start ─┬─ " or ' ─► string ⇄ escape        a token that ends by what follows it (number, keyword)
///          ├─ - 0 1-9 ─► number                leaves that byte for the next one
///          ├─ a-z ─► keyword
///          └─ anything else ─► stray ─► recovery ─► start, at a structural character, line end or control byte
/// </code>
/// </summary>
internal sealed class JsonLexer(InputBuffer partial)
{
    private static readonly SearchValues<byte> DoubleQuotedStops = SearchValues.Create([.. StringStops('"')]);
    private static readonly SearchValues<byte> SingleQuotedStops = SearchValues.Create([.. StringStops('\'')]);

    private State _state;

    private enum State : byte
    {
        Start,
        DoubleQuoted,
        DoubleQuotedEscape,
        SingleQuoted,
        SingleQuotedEscape,
        Keyword,
        Minus,
        Zero,
        Digits,
        Point,
        Fraction,
        Exponent,
        ExponentSign,
        ExponentDigits,
        Recovery,
        SkipLine,
    }

    public JsonToken Token { get; private set; }

    /// <summary>Whether a token has begun and not ended.</summary>
    public bool InToken => _state is > State.Start and < State.Recovery;

    /// <summary>Takes bytes of <paramref name="input"/> from <paramref name="position"/> on.</summary>
    /// <param name="text">The token, or the stray text; valid until the next call.</param>
    public LexStatus Read(ReadOnlySpan<byte> input, ref int position, out ReadOnlySpan<byte> text)
    {
        if (!InToken)
        {
            partial.Clear();
            SkipToToken(input, ref position);
        }

        var start = position;
        while (position < input.Length)
        {
            var status = Step(input, ref position);
            if (status == LexStatus.NeedMore)
                continue;
            text = Text(input[start..position]);
            return status;
        }

        partial.Append(input[start..]);
        text = default;
        return LexStatus.NeedMore;
    }

    /// <summary>Drops everything up to the end of the line: what follows an over-long message has no meaning.</summary>
    public void SkipLine()
    {
        partial.Clear();
        _state = State.SkipLine;
    }

    private ReadOnlySpan<byte> Text(ReadOnlySpan<byte> piece)
    {
        if (partial.Length == 0)
            return piece;
        partial.Append(piece);
        return partial.Span;
    }

    private void SkipToToken(ReadOnlySpan<byte> input, ref int position)
    {
        for (; position < input.Length; position++)
        {
            var c = input[position];
            if (_state == State.SkipLine)
            {
                if (c is (byte)'\n' or 0xFF)
                    _state = State.Start;
                if (c != 0xFF)
                    continue;
            }

            if (_state == State.Recovery && !EndsRecovery(c))
                continue;
            _state = State.Start;
            if (c is not ((byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n'))
                return;
        }
    }

    private LexStatus Step(ReadOnlySpan<byte> input, ref int position) => _state switch
    {
        State.Start => Begin(input[position++]),
        State.DoubleQuoted => InString(input, ref position, DoubleQuotedStops),
        State.SingleQuoted => InString(input, ref position, SingleQuotedStops),
        State.DoubleQuotedEscape => Escaped(input[position++], State.DoubleQuoted),
        State.SingleQuotedEscape => Escaped(input[position++], State.SingleQuoted),
        State.Keyword => InKeyword(input, ref position),
        _ => InNumber(input[position], ref position),
    };

    private LexStatus Begin(byte c)
    {
        switch (c)
        {
            case (byte)'{': return Single(JsonToken.ObjectStart);
            case (byte)'}': return Single(JsonToken.ObjectEnd);
            case (byte)'[': return Single(JsonToken.ArrayStart);
            case (byte)']': return Single(JsonToken.ArrayEnd);
            case (byte)':': return Single(JsonToken.Colon);
            case (byte)',': return Single(JsonToken.Comma);
            case (byte)'"': return Enter(State.DoubleQuoted);
            case (byte)'\'': return Enter(State.SingleQuoted);
            case (byte)'-': return Enter(State.Minus);
            case (byte)'0': return Enter(State.Zero);
            case >= (byte)'1' and <= (byte)'9': return Enter(State.Digits);
            case >= (byte)'a' and <= (byte)'z': return Enter(State.Keyword);
            default: return Stray();
        }
    }

    private LexStatus InString(ReadOnlySpan<byte> input, ref int position, SearchValues<byte> stops)
    {
        var found = input[position..].IndexOfAny(stops);
        if (found < 0)
        {
            position = input.Length;
            return LexStatus.NeedMore;
        }

        position += found;
        var c = input[position++];
        if (c == (byte)'\\')
            return Enter(_state == State.DoubleQuoted ? State.DoubleQuotedEscape : State.SingleQuotedEscape);
        return c is (byte)'"' or (byte)'\'' ? Single(JsonToken.String) : Stray();
    }

    private LexStatus Escaped(byte c, State back) => c is < 0x20 or >= 0xFE ? Stray() : Enter(back);

    private LexStatus InKeyword(ReadOnlySpan<byte> input, ref int position)
    {
        var rest = input[position..];
        var length = rest.IndexOfAnyExceptInRange((byte)'a', (byte)'z');
        position += length < 0 ? rest.Length : length;
        return length < 0 ? LexStatus.NeedMore : Single(JsonToken.Keyword);
    }

    private LexStatus InNumber(byte c, ref int position)
    {
        var digit = c is >= (byte)'0' and <= (byte)'9';
        var next = (_state, c) switch
        {
            (State.Minus, (byte)'0') => State.Zero,
            (State.Minus, _) when digit => State.Digits,
            (State.Digits, _) when digit => State.Digits,
            (State.Zero or State.Digits, (byte)'.') => State.Point,
            (State.Point or State.Fraction, _) when digit => State.Fraction,
            (State.Zero or State.Digits or State.Fraction, (byte)'e' or (byte)'E') => State.Exponent,
            (State.Exponent, (byte)'+' or (byte)'-') => State.ExponentSign,
            (State.Exponent or State.ExponentSign or State.ExponentDigits, _) when digit => State.ExponentDigits,
            _ => State.Start,
        };
        if (next == State.Start && _state is State.Digits or State.Fraction or State.ExponentDigits
            || (_state == State.Zero && next == State.Start && !digit))
            return Single(JsonToken.Number);
        position++;
        return next == State.Start ? Stray() : Enter(next);
    }

    private LexStatus Enter(State state)
    {
        _state = state;
        return LexStatus.NeedMore;
    }

    private LexStatus Single(JsonToken token)
    {
        _state = State.Start;
        Token = token;
        return LexStatus.Token;
    }

    private LexStatus Stray()
    {
        _state = State.Recovery;
        return LexStatus.Stray;
    }

    private static bool EndsRecovery(byte c) =>
        c is (byte)'{' or (byte)'}' or (byte)'[' or (byte)']' or (byte)':' or (byte)',' or >= 0xFE or (< 0x20 and not (byte)'\t');

    private static IEnumerable<byte> StringStops(char quote)
    {
        for (var c = 0; c < 0x20; c++)
            yield return (byte)c;
        yield return (byte)quote;
        yield return (byte)'\\';
        yield return 0xFE;
        yield return 0xFF;
    }
}
