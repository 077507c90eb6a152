// SPDX-License-Identifier: MIT
using System.Text;

namespace BlockHost.Tools.Shell;

/// <summary>A line on a terminal: edited in place, with earlier lines and completion.</summary>
internal sealed class LineEditor(TextWriter output, string prompt, Completion completion, Func<ConsoleKeyInfo>? keys = null)
{
    private const int MostRemembered = 500;

    private readonly Func<ConsoleKeyInfo> _keys = keys ?? (() => Console.ReadKey(intercept: true));
    private readonly List<string> _earlier = [];
    private readonly StringBuilder _line = new();
    private int _cursor;
    private int _shown;

    /// <returns>Null: the input has ended.</returns>
    public async Task<string?> ReadAsync(CancellationToken cancellationToken)
    {
        Set("");
        _shown = _earlier.Count;
        while (true)
        {
            Draw();
            var key = await Task.Run(_keys, cancellationToken);
            if (key.Key == ConsoleKey.Enter)
                return Finish();
            if (IsControl(key, ConsoleKey.D) && _line.Length == 0)
            {
                output.Write('\n');
                return null;
            }

            if (key.Key == ConsoleKey.Tab)
                await CompleteAsync(cancellationToken);
            else
                Apply(key);
        }
    }

    private static bool IsControl(ConsoleKeyInfo key, ConsoleKey letter) =>
        key.Key == letter && (key.Modifiers & ConsoleModifiers.Control) != 0;

    private string Finish()
    {
        output.Write('\n');
        output.Flush();
        var line = _line.ToString();
        if (line.Length > 0 && _earlier.LastOrDefault() != line)
            _earlier.Add(line);
        if (_earlier.Count > MostRemembered)
            _earlier.RemoveAt(0);
        return line;
    }

    private void Apply(ConsoleKeyInfo key)
    {
        switch (key.Key)
        {
            case ConsoleKey.LeftArrow:
                _cursor = Math.Max(0, _cursor - 1);
                break;
            case ConsoleKey.RightArrow:
                _cursor = Math.Min(_line.Length, _cursor + 1);
                break;
            case ConsoleKey.Home:
            case ConsoleKey.A when IsControl(key, ConsoleKey.A):
                _cursor = 0;
                break;
            case ConsoleKey.End:
            case ConsoleKey.E when IsControl(key, ConsoleKey.E):
                _cursor = _line.Length;
                break;
            case ConsoleKey.UpArrow:
                Show(_shown - 1);
                break;
            case ConsoleKey.DownArrow:
                Show(_shown + 1);
                break;
            case ConsoleKey.U when IsControl(key, ConsoleKey.U):
                Set(_line.ToString(_cursor, _line.Length - _cursor));
                _cursor = 0;
                break;
            case ConsoleKey.K when IsControl(key, ConsoleKey.K):
                _line.Length = _cursor;
                break;
            case ConsoleKey.Backspace when _cursor > 0:
                _line.Remove(--_cursor, 1);
                break;
            case ConsoleKey.Delete when _cursor < _line.Length:
            case ConsoleKey.D when IsControl(key, ConsoleKey.D) && _cursor < _line.Length:
                _line.Remove(_cursor, 1);
                break;
            default:
                if (key.KeyChar >= ' ' && key.KeyChar != '\u007f')
                    _line.Insert(_cursor++, key.KeyChar);
                break;
        }
    }

    private void Show(int index)
    {
        if (index < 0 || index > _earlier.Count)
            return;
        _shown = index;
        Set(index == _earlier.Count ? "" : _earlier[index]);
    }

    private void Set(string text)
    {
        _line.Clear().Append(text);
        _cursor = text.Length;
    }

    /// <summary>As far as all that fits agrees; where nothing is added, what fits is listed.</summary>
    private async Task CompleteAsync(CancellationToken cancellationToken)
    {
        var before = _line.ToString(0, _cursor);
        var found = await completion.FindAsync(before, cancellationToken);
        if (found.Count == 0)
            return;
        var begin = before[(before.LastIndexOf(' ') + 1)..];
        var common = found.Aggregate((one, other) => one[..one.AsSpan().CommonPrefixLength(other)]);
        var added = common[begin.Length..] + (found.Count == 1 ? " " : "");
        if (added.Length == 0)
            output.Write($"\n{string.Join("  ", found)}\n");
        _line.Insert(_cursor, added);
        _cursor += added.Length;
    }

    /// <summary>The whole line anew, and the cursor where it belongs.</summary>
    private void Draw()
    {
        output.Write($"\r{prompt}{_line}\u001b[K");
        if (_cursor < _line.Length)
            output.Write($"\u001b[{_line.Length - _cursor}D");
        output.Flush();
    }
}
