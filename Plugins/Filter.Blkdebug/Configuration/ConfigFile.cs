// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Block;
using BlockHost.Plugins.Filter.Blkdebug.Rules;

namespace BlockHost.Plugins.Filter.Blkdebug.Configuration;

/// <summary>
/// Files of rules, in the form of QEMU's configuration files:
/// <code>
///   # a comment
///   [inject-error]
///   event = "read_aio"
///   errno = "28"
/// </code>
/// </summary>
internal static class ConfigFile
{
    private const int LargestFile = 1 << 20;

    /// <exception cref="BlockException">The file cannot be read, or does not hold rules; in QEMU's words.</exception>
    public static async ValueTask<IReadOnlyList<Rule>> ReadAsync(string path, CancellationToken cancellationToken)
    {
        string text;
        try
        {
            text = await ReadTextAsync(path, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var (what, errno) = e switch
            {
                FileNotFoundException or DirectoryNotFoundException => ("Could not read blkdebug config file", Errno.ENOENT),
                UnauthorizedAccessException when !Directory.Exists(path) => ("Could not read blkdebug config file", Errno.EACCES),
                UnauthorizedAccessException => ("Cannot read config file", Errno.EISDIR),
                _ => ("Cannot read config file", Errno.EIO),
            };
            throw new BlockException(BlockErrorKind.InvalidArgument, $"{what}: {ErrnoText.Of(errno)}", errno, e);
        }

        return Parse(text);
    }

    /// <summary>Rules of errors come before those of states, as QEMU adds them.</summary>
    public static IReadOnlyList<Rule> Parse(string text)
    {
        var rules = new List<RuleText>();
        var ids = new HashSet<(string Group, string Id)>();
        foreach (var line in text.Split('\n'))
        {
            if (line.Length == 0 || line[0] == '#')
                continue;
            if (TryParseGroup(line, out var group, out var id))
            {
                rules.Add(new RuleText(group));
                if (id is not null && !ids.Add((group, id)))
                    throw RuleText.Wrong($"Duplicate ID '{id}' for {group}");
                continue;
            }

            var (name, value) = ParseValue(line);
            if (rules.Count == 0)
                throw RuleText.Wrong("no group defined");
            rules[^1].Set(name, value);
        }

        return [.. rules.OrderBy(rule => rule.Group == RuleText.SetState).Select(rule => rule.ToRule())];
    }

    private static async Task<string> ReadTextAsync(string path, CancellationToken cancellationToken)
    {
        if (new FileInfo(path).Exists && new FileInfo(path).Length > LargestFile)
            throw RuleText.Wrong($"'{path}' is no file of rules: it has more than {LargestFile} bytes");
        return await File.ReadAllTextAsync(path, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>[group] or [group "id"]; as QEMU's, the bracket at the end may be missing.</summary>
    private static bool TryParseGroup(string line, [NotNullWhen(true)] out string? group, out string? id)
    {
        (group, id) = (null, null);
        if (line[0] != '[')
            return false;
        var inside = line[1..].Split(']')[0];
        if (inside.Split('"') is [var before, var name, ..] && name.Length > 0)
        {
            (inside, id) = (before.Trim(), name);
        }

        group = inside;
        return group.Length > 0;
    }

    /// <summary>name = "value"; a line that has a name and no value sets an empty one.</summary>
    private static (string Name, string Value) ParseValue(string line)
    {
        var rest = line.AsSpan().Trim();
        if (rest.IsEmpty)
            throw RuleText.Wrong("parse error");
        var end = rest.IndexOfAny(' ', '\t');
        if (end < 0)
            return (rest.ToString(), "");
        var value = rest[end..].TrimStart();
        if (value.IsEmpty || value[0] != '=' || (value = value[1..].TrimStart()).IsEmpty || value[0] != '"')
            return (rest[..end].ToString(), "");
        value = value[1..];
        var close = value.IndexOf('"');
        return (rest[..end].ToString(), (close < 0 ? value : value[..close]).ToString());
    }
}
