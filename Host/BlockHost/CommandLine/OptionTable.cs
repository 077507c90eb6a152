// SPDX-License-Identifier: MIT
namespace BlockHost.CommandLine;

internal enum OptionArgument
{
    None,
    Required,
    Optional,
}

/// <summary>
/// The options a tool takes, in getopt's notation: short ones as "hf:" (':' takes an argument, '::' may take one),
/// long ones as "help=h", "format:=f", "image-opts" or "object:" ('=' names the short option it stands for).
/// </summary>
internal sealed class OptionTable
{
    private readonly Dictionary<char, OptionArgument> _short = [];
    private readonly List<LongOption> _long = [];

    public OptionTable(string shortOptions, params ReadOnlySpan<string> longOptions)
    {
        for (var i = 0; i < shortOptions.Length; i++)
        {
            var name = shortOptions[i];
            var colons = shortOptions.AsSpan(i + 1).IndexOfAnyExcept(':') is var n && n < 0 ? shortOptions.Length - i - 1 : n;
            _short.Add(name, (OptionArgument)colons);
            i += colons;
        }

        foreach (var option in longOptions)
            _long.Add(LongOption.Parse(option));
    }

    /// <summary>Where there are none, "--x" is as good as "-x".</summary>
    public bool HasLong => _long.Count > 0;

    /// <summary>As they are written: "--format".</summary>
    public IEnumerable<string> LongNames => _long.Select(option => "--" + option.Name);

    public bool TryGetShort(char name, out OptionArgument argument) => _short.TryGetValue(name, out argument);

    /// <summary>The long options that <paramref name="name"/> can mean: an exact one, else all it abbreviates.</summary>
    public IReadOnlyList<LongOption> FindLong(string name)
    {
        var matches = _long.FindAll(option => option.Name.StartsWith(name, StringComparison.Ordinal));
        var exact = matches.Find(option => option.Name.Length == name.Length);
        return exact.Name is not null ? [exact] : matches;
    }
}

/// <param name="Key">What the tool sees: the short option it stands for, or its own name.</param>
internal readonly record struct LongOption(string Name, string Key, OptionArgument Argument)
{
    public static LongOption Parse(string notation)
    {
        var equals = notation.IndexOf('=');
        var head = equals < 0 ? notation : notation[..equals];
        var name = head.TrimEnd(':');
        return new(name, equals < 0 ? name : notation[(equals + 1)..], (OptionArgument)(head.Length - name.Length));
    }
}
