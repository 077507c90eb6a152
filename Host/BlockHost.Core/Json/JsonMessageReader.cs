// SPDX-License-Identifier: MIT
using System.Text;

namespace BlockHost.Core.Json;

public enum JsonReadStatus
{
    /// <summary>All input is taken and no message has ended.</summary>
    NeedMore,

    /// <summary><see cref="JsonMessageReader.Take"/> has it.</summary>
    Message,

    /// <summary><see cref="JsonMessageReader.Error"/> says what is wrong.</summary>
    Error,
}

/// <summary>
/// Cuts what a monitor receives into JSON values. Values need no line end between them, and after a mistake reading
/// goes on with the next value.
/// </summary>
public sealed class JsonMessageReader : IDisposable
{
    /// <summary>Longest text of a mistake; the rest of a stray token is cut off.</summary>
    private const int MaxErrorBytes = 1023;

    private readonly InputBuffer _token;
    private readonly InputBuffer _output;
    private readonly JsonLexer _lexer;
    private readonly JsonGrammar _grammar;
    private readonly JsonKeys _keys = new();

    /// <param name="maxMessageBytes">Longest message; a longer one is an error, and dropped up to the end of its line.</param>
    /// <param name="budget">Shared by all monitors.</param>
    public JsonMessageReader(int maxMessageBytes, InputBudget budget)
    {
        _token = new InputBuffer(maxMessageBytes, budget);
        _output = new InputBuffer(maxMessageBytes, budget);
        _lexer = new JsonLexer(_token);
        _grammar = new JsonGrammar(_output);
        _grammar.Reset();
    }

    /// <summary>Text of the mistake after <see cref="JsonReadStatus.Error"/>.</summary>
    public string Error { get; private set; } = "";

    /// <summary>Bytes of the message that has been read, or of the part that has come.</summary>
    public int Length => _output.Length;

    /// <summary>Takes input up to the end of a message or the first mistake.</summary>
    public JsonReadStatus Read(ReadOnlySpan<byte> input, out int consumed)
    {
        consumed = 0;
        try
        {
            while (consumed < input.Length)
            {
                var status = _lexer.Read(input, ref consumed, out var text);
                if (status == LexStatus.Stray)
                    return Fail("JSON parse error, " + Shorten($"stray '{Printable(text)}'"));
                if (status == LexStatus.Token && _grammar.Accept(_lexer.Token, text))
                    return Complete();
            }

            return JsonReadStatus.NeedMore;
        }
        catch (JsonLimitException e)
        {
            _lexer.SkipLine();
            return Fail(e.Message);
        }
    }

    /// <summary>The message that has just been read; the caller disposes it.</summary>
    public JsonMessage Take()
    {
        var message = _output.Detach();
        _grammar.Reset();
        return message;
    }

    /// <summary>For a command line argument: the one value of <paramref name="text"/>.</summary>
    /// <exception cref="FormatException">With QEMU's text.</exception>
    public static JsonMessage Parse(string text)
    {
        using var reader = new JsonMessageReader(int.MaxValue, new InputBudget(long.MaxValue));
        // A line end closes a number or keyword at the very end.
        var bytes = Encoding.UTF8.GetBytes(text + "\n");
        JsonMessage? message = null;
        for (var position = 0; position < bytes.Length;)
        {
            var status = reader.Read(bytes.AsSpan(position), out var consumed);
            position += consumed;
            if (status == JsonReadStatus.NeedMore)
                continue;
            if (message is null && status == JsonReadStatus.Message)
            {
                message = reader.Take();
                continue;
            }

            message?.Dispose();
            throw new FormatException(message is null ? reader.Error : "Expecting at most one JSON value");
        }

        return message ?? throw new FormatException("JSON parse error, premature EOI");
    }

    public void Dispose()
    {
        _token.Dispose();
        _output.Dispose();
    }

    private JsonReadStatus Complete()
    {
        var mistake = _grammar.Error ?? (_grammar.HasObjects && _keys.Repeat(_output.Span) ? "duplicate key" : null);
        return mistake is null ? JsonReadStatus.Message : Fail("JSON parse error, " + Shorten(mistake));
    }

    private JsonReadStatus Fail(string error)
    {
        Error = error;
        _grammar.Reset();
        return JsonReadStatus.Error;
    }

    private static string Printable(ReadOnlySpan<byte> text)
    {
        var end = text.IndexOf((byte)0);
        return Encoding.UTF8.GetString(text[..Math.Min(end < 0 ? text.Length : end, MaxErrorBytes)]);
    }

    private static string Shorten(string text) => text.Length <= MaxErrorBytes ? text : text[..MaxErrorBytes];
}
