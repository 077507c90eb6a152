// SPDX-License-Identifier: MIT
using System.Text;

namespace BlockHost.Core.Json;

/// <summary>
/// Checks the order of tokens and writes the value as standard JSON. A message ends when its brackets balance, and
/// only then is the first mistake in it told, as QEMU does: a client may rely on one answer for one message.
/// </summary>
internal sealed class JsonGrammar(InputBuffer output)
{
    public const int MaxDepth = 1024;
    private const int MaxTokens = 2 << 20;

    private readonly Expect[] _stack = new Expect[MaxDepth + 1];
    private int _depth;
    private int _braces;
    private int _brackets;
    private int _tokens;
    private int _objects;

    /// <summary>What the innermost open value expects next.</summary>
    private enum Expect : byte
    {
        Value,
        FirstKey,
        Key,
        Colon,
        EndOfBadKey,
        MemberValue,
        MemberSeparator,
        FirstItem,
        Item,
        ItemSeparator,
    }

    /// <summary>First mistake of the message, or null.</summary>
    public string? Error { get; private set; }

    /// <summary>Whether the message has objects with members, so that keys may repeat.</summary>
    public bool HasObjects => _objects > 0;

    /// <summary>Takes the next token.</summary>
    /// <returns>Whether the message is complete, right or wrong.</returns>
    /// <exception cref="JsonLimitException">Too deep, too many tokens, or too long.</exception>
    public bool Accept(JsonToken token, ReadOnlySpan<byte> text)
    {
        CountBrackets(token);
        if (Error is null)
            Error = Take(token, text);
        return _braces < 0 || _brackets < 0 || (_braces == 0 && _brackets == 0);
    }

    public void Reset()
    {
        (_depth, _braces, _brackets, _tokens, _objects, Error) = (0, 0, 0, 0, 0, null);
        _stack[0] = Expect.Value;
        output.Clear();
    }

    private void CountBrackets(JsonToken token)
    {
        switch (token)
        {
            case JsonToken.ObjectStart: _braces++; break;
            case JsonToken.ObjectEnd: _braces--; break;
            case JsonToken.ArrayStart: _brackets++; break;
            case JsonToken.ArrayEnd: _brackets--; break;
        }

        if (++_tokens > MaxTokens)
            throw new JsonLimitException("JSON token count limit exceeded");
        if (_braces + _brackets > MaxDepth)
            throw new JsonLimitException("JSON nesting depth limit exceeded");
    }

    private string? Take(JsonToken token, ReadOnlySpan<byte> text)
    {
        switch (_stack[_depth])
        {
            case Expect.FirstKey when token == JsonToken.ObjectEnd:
            case Expect.MemberSeparator when token == JsonToken.ObjectEnd:
            case Expect.FirstItem when token == JsonToken.ArrayEnd:
            case Expect.ItemSeparator when token == JsonToken.ArrayEnd:
                return End(text);
            case Expect.FirstKey or Expect.Key when token == JsonToken.String:
                return Key(text);
            case Expect.Colon:
                return Punctuation(token == JsonToken.Colon, text, Expect.MemberValue, "missing : in object pair");
            case Expect.MemberSeparator:
                return Punctuation(token == JsonToken.Comma, text, Expect.Key, "expected separator in dict");
            case Expect.ItemSeparator:
                return Punctuation(token == JsonToken.Comma, text, Expect.Item, "expected separator in list");
            default:
                return Value(token, text);
        }
    }

    private string? Key(ReadOnlySpan<byte> text)
    {
        _stack[_depth] = Expect.Colon;
        _objects++;
        return JsonStringText.Normalize(text, output);
    }

    private string? Punctuation(bool asExpected, ReadOnlySpan<byte> text, Expect next, string mistake)
    {
        if (!asExpected)
            return mistake;
        output.Append(text);
        _stack[_depth] = next;
        return null;
    }

    private string? Value(JsonToken token, ReadOnlySpan<byte> text)
    {
        switch (token)
        {
            case JsonToken.ObjectStart:
                return Begin(Expect.FirstKey, text);
            case JsonToken.ArrayStart:
                return Begin(Expect.FirstItem, text);
            case JsonToken.String:
                return JsonStringText.Normalize(text, output) ?? Completed();
            case JsonToken.Keyword when !(
                text.SequenceEqual("true"u8) || text.SequenceEqual("false"u8) || text.SequenceEqual("null"u8)):
                return $"invalid keyword '{Encoding.UTF8.GetString(text)}'";
            case JsonToken.Keyword or JsonToken.Number:
                output.Append(text);
                return Completed();
            default:
                return "expecting value";
        }
    }

    private string? Begin(Expect first, ReadOnlySpan<byte> text)
    {
        output.Append(text);
        if (_stack[_depth] is Expect.FirstKey or Expect.Key)
            _stack[_depth] = Expect.EndOfBadKey;
        _stack[++_depth] = first;
        return null;
    }

    private string? End(ReadOnlySpan<byte> text)
    {
        output.Append(text);
        _depth--;
        return Completed();
    }

    private string? Completed()
    {
        switch (_stack[_depth])
        {
            case Expect.FirstKey or Expect.Key or Expect.EndOfBadKey:
                return "key is not a string in object";
            case Expect.MemberValue:
                _stack[_depth] = Expect.MemberSeparator;
                return null;
            case Expect.FirstItem or Expect.Item:
                _stack[_depth] = Expect.ItemSeparator;
                return null;
            default:
                return null;
        }
    }
}
