// SPDX-License-Identifier: MIT
using System.Text;

namespace BlockHost.HumanMonitor;

/// <summary>A line of the monitor, read from left to right.</summary>
internal sealed class HumanLine(string text)
{
    private int _at;

    /// <summary>The words that name the command, as far as they were read.</summary>
    public string Path { get; private set; } = "";

    public bool IsAtEnd
    {
        get
        {
            SkipBlanks();
            return _at >= text.Length;
        }
    }

    /// <summary>The next word of the command's name.</summary>
    public string ReadName()
    {
        SkipBlanks();
        var start = _at;
        while (_at < text.Length && !char.IsWhiteSpace(text[_at]))
            _at++;
        var name = text[start.._at];
        Path = Path.Length == 0 ? name : $"{Path} {name}";
        return name;
    }

    /// <summary>A letter behind a dash; null: no flag follows.</summary>
    public char? PeekFlag() =>
        !IsAtEnd && text[_at] == '-' && _at + 1 < text.Length && (_at + 2 >= text.Length || char.IsWhiteSpace(text[_at + 2]))
            ? text[_at + 1]
            : null;

    public void SkipFlag() => _at += 2;

    /// <summary>A word, or what stands in quotes; null: there is none, or the quotes do not end.</summary>
    public string? ReadText()
    {
        if (IsAtEnd)
            return null;
        if (text[_at] != '"')
            return ReadWord();
        var result = new StringBuilder();
        for (_at++; _at < text.Length && text[_at] != '"'; _at++)
        {
            if (text[_at] == '\\' && _at + 1 < text.Length)
                _at++;
            result.Append(text[_at]);
        }

        if (_at >= text.Length)
            return null;
        _at++;
        return result.ToString();
    }

    /// <summary>All that is left.</summary>
    public string ReadRest()
    {
        SkipBlanks();
        var rest = text[_at..].TrimEnd();
        _at = text.Length;
        return rest;
    }

    private string ReadWord()
    {
        var start = _at;
        while (_at < text.Length && !char.IsWhiteSpace(text[_at]))
            _at++;
        return text[start.._at];
    }

    private void SkipBlanks()
    {
        while (_at < text.Length && char.IsWhiteSpace(text[_at]))
            _at++;
    }
}
