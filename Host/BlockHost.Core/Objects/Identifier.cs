// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Objects;

/// <summary>Names that users give to nodes, jobs and objects.</summary>
public static class Identifier
{
    /// <summary>A letter, then letters, digits, '-', '.' and '_'.</summary>
    public static bool IsWellFormed(string id)
    {
        if (id.Length == 0 || !char.IsAsciiLetter(id[0]))
            return false;
        foreach (var c in id)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.' or '_'))
                return false;
        }

        return true;
    }
}
