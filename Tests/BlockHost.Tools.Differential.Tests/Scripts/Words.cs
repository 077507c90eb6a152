// SPDX-License-Identifier: MIT
using System.Text;

namespace BlockHost.Tools.Differential.Tests.Scripts;

/// <summary>Splits a line at blanks, but not within '…' or "…".</summary>
internal static class Words
{
    public static IReadOnlyList<string> Split(string line)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        var inWord = false;
        char? quote = null;
        foreach (var c in line)
        {
            if (quote == c)
            {
                quote = null;
            }
            else if (quote is null && c is '\'' or '"')
            {
                (quote, inWord) = (c, true);
            }
            else if (quote is null && c == ' ')
            {
                if (inWord)
                    words.Add(word.ToString());
                word.Clear();
                inWord = false;
            }
            else
            {
                word.Append(c);
                inWord = true;
            }
        }

        if (quote is not null)
            throw new FormatException($"A quote is not closed: {line}");
        if (inWord)
            words.Add(word.ToString());
        return words;
    }
}
