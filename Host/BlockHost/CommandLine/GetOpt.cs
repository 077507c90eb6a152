// SPDX-License-Identifier: MIT
namespace BlockHost.CommandLine;

internal enum GetOptKind
{
    Option,

    /// <summary>An argument that is no option.</summary>
    Operand,
    Unknown,
    Ambiguous,
    MissingArgument,
    UnwantedArgument,
}

/// <param name="Key">The option: its short name where it has one, else its long name.</param>
/// <param name="Value">Its argument, or the operand.</param>
/// <param name="Text">The option by its full name: "-f", "--format".</param>
internal readonly record struct GetOptItem(GetOptKind Kind, string Key, string? Value, string Text)
{
    /// <summary>
    /// What C programs find behind getopt's position, and so name in their messages: the word with the option, or
    /// within "-xq" the word before it (null: there is none).
    /// </summary>
    public string? Word { get; init; }
}

/// <summary>
/// Reads a command line as glibc's getopt_long does: options and operands in any order, "-fqcow2", "-pq",
/// "--format=qcow2", unambiguous abbreviations, and "--" before operands that look like options.
/// </summary>
internal static class GetOpt
{
    public static IEnumerable<GetOptItem> Read(IReadOnlyList<string> args, OptionTable table)
    {
        for (var i = 0; i < args.Count; i++)
        {
            var arg = args[i];
            if (arg == "--")
            {
                for (i++; i < args.Count; i++)
                    yield return new(GetOptKind.Operand, "", args[i], args[i]);
            }
            else if (arg.StartsWith("--", StringComparison.Ordinal) && table.HasLong)
            {
                yield return Long(args, ref i, table) with { Word = args[Math.Min(i, args.Count - 1)] };
            }
            else if (arg.Length > 1 && arg[0] == '-')
            {
                for (var at = 1; at < arg.Length;)
                {
                    var item = Short(args, ref i, arg, ref at, table);
                    var passed = at < arg.Length ? i - 1 : Math.Min(i, args.Count - 1);
                    yield return item with { Word = passed < 0 ? null : args[passed] };
                }
            }
            else
            {
                yield return new(GetOptKind.Operand, "", arg, arg);
            }
        }
    }

    /// <summary>The message glibc prints for an item that is an error.</summary>
    public static string Describe(GetOptItem item)
    {
        var isLong = item.Text.Length > 2 && item.Text.StartsWith("--", StringComparison.Ordinal);
        return item.Kind switch
        {
            GetOptKind.Unknown => isLong ? $"unrecognized option '{item.Text}'" : $"invalid option -- '{item.Key}'",
            GetOptKind.Ambiguous => $"option '{item.Text}' is ambiguous; possibilities: {item.Value}",
            GetOptKind.MissingArgument =>
                isLong ? $"option '{item.Text}' requires an argument" : $"option requires an argument -- '{item.Key}'",
            GetOptKind.UnwantedArgument => $"option '{item.Text}' doesn't allow an argument",
            _ => throw new ArgumentException($"{item.Kind} is no error", nameof(item)),
        };
    }

    private static GetOptItem Long(IReadOnlyList<string> args, ref int i, OptionTable table)
    {
        var text = args[i];
        var equals = text.IndexOf('=');
        var name = equals < 0 ? text[2..] : text[2..equals];
        var value = equals < 0 ? null : text[(equals + 1)..];
        var matches = table.FindLong(name);
        if (matches.Count == 0)
            return new(GetOptKind.Unknown, name, value, "--" + name);
        if (matches.Count > 1)
            return new(GetOptKind.Ambiguous, name, string.Join(' ', matches.Select(m => $"'--{m.Name}'")), "--" + name);

        var option = matches[0];
        var full = "--" + option.Name;
        if (option.Argument == OptionArgument.None)
            return new(value is null ? GetOptKind.Option : GetOptKind.UnwantedArgument, option.Key, null, full);
        if (value is not null || option.Argument == OptionArgument.Optional)
            return new(GetOptKind.Option, option.Key, value, full);
        return ++i < args.Count
            ? new(GetOptKind.Option, option.Key, args[i], full)
            : new(GetOptKind.MissingArgument, option.Key, null, full);
    }

    private static GetOptItem Short(IReadOnlyList<string> args, ref int i, string arg, ref int at, OptionTable table)
    {
        var key = arg[at].ToString();
        var text = "-" + key;
        at++;
        if (!table.TryGetShort(key[0], out var argument))
            return new(GetOptKind.Unknown, key, null, text);
        if (argument == OptionArgument.None)
            return new(GetOptKind.Option, key, null, text);

        var rest = at < arg.Length ? arg[at..] : null;
        at = arg.Length;
        if (rest is not null || argument == OptionArgument.Optional)
            return new(GetOptKind.Option, key, rest, text);
        return ++i < args.Count ? new(GetOptKind.Option, key, args[i], text) : new(GetOptKind.MissingArgument, key, null, text);
    }
}
