// SPDX-License-Identifier: MIT
namespace BlockHost.CommandLine;

/// <summary>Finds the known word that an unknown one was meant to be.</summary>
internal static class Suggestion
{
    /// <returns>The nearest word, if it is near: one letter wrong, missing, added or swapped for every three; else
    /// null.</returns>
    public static string? For(string word, IEnumerable<string> known)
    {
        var best = known
            .Select(candidate => (Word: candidate, Distance: Distance(word, candidate)))
            .Where(candidate => candidate.Distance <= Math.Max(1, Math.Min(word.Length, candidate.Word.Length) / 3))
            .OrderBy(candidate => candidate.Distance)
            .ThenBy(candidate => candidate.Word, StringComparer.Ordinal)
            .FirstOrDefault();
        return best.Word ?? Completion(word, known);
    }

    /// <summary>The only known word that begins like this.</summary>
    private static string? Completion(string word, IEnumerable<string> known)
    {
        const int shortest = 2;
        var matches = known.Where(candidate => word.Length >= shortest && candidate.StartsWith(word, StringComparison.Ordinal))
            .Take(2).ToList();
        return matches.Count == 1 ? matches[0] : null;
    }

    /// <summary>Damerau and Levenshtein's: letters to change, insert, remove or swap with their neighbour.</summary>
    private static int Distance(string a, string b)
    {
        var rows = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
            rows[i, 0] = i;
        for (var j = 0; j <= b.Length; j++)
            rows[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var change = rows[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                rows[i, j] = Math.Min(change, Math.Min(rows[i - 1, j], rows[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    rows[i, j] = Math.Min(rows[i, j], rows[i - 2, j - 2] + 1);
            }
        }

        return rows[a.Length, b.Length];
    }
}
