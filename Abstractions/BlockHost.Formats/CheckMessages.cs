// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace BlockHost.Formats;

/// <summary>
/// The lines of a check, as many as are of use to anybody. Those beyond are not even put together: a damaged table can have
/// millions of wrong entries.
/// </summary>
public sealed class CheckMessages
{
    private const int Most = 1000;

    private readonly List<string> _lines = [];

    public IReadOnlyList<string> Lines => _lines;

    public void Add([InterpolatedStringHandlerArgument("")] ref Line line)
    {
        if (_lines.Count < Most)
            _lines.Add(line.ToStringAndClear());
    }

    /// <summary>The text of an interpolated string, where there is room for it.</summary>
    [InterpolatedStringHandler]
    public ref struct Line
    {
        private DefaultInterpolatedStringHandler _text;

        public Line(int literalLength, int formattedCount, CheckMessages messages, out bool isWanted)
        {
            isWanted = messages._lines.Count < Most;
            _text = isWanted ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
        }

        public void AppendLiteral(string value) => _text.AppendLiteral(value);

        public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

        internal string ToStringAndClear() => _text.ToStringAndClear();
    }
}
