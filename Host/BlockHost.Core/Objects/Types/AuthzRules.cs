// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Objects.Types;

/// <summary>The first rule that matches decides, else the policy (deny).</summary>
internal static class AuthzRules
{
    public static bool IsAllowed(AuthzListOptions list, string identity)
    {
        var rule = list.Rules?.FirstOrDefault(rule => Matches(rule, identity));
        return (rule?.Policy ?? list.Policy) is AuthzPolicy.Allow;
    }

    private static bool Matches(AuthzRule rule, string identity) =>
        rule.Format is AuthzFormat.Glob ? MatchesPattern(rule.Match, identity) : rule.Match == identity;

    /// <summary>
    /// "*" stands for any text and "?" for one character; nothing is escaped, as names have backslashes of their own.
    /// </summary>
    private static bool MatchesPattern(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        // Where to go on if what follows the last star does not fit.
        var (star, retry) = (-1, 0);
        var (p, t) = (0, 0);
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
                (star, retry) = (p++, t);
            else if (p < pattern.Length && (pattern[p] == '?' || pattern[p] == text[t]))
                (p, t) = (p + 1, t + 1);
            else if (star >= 0)
                (p, t) = (star + 1, ++retry);
            else
                return false;
        }

        return !pattern[p..].ContainsAnyExcept('*');
    }
}
