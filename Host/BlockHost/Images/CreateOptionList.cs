// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block.Facets;
using BlockHost.CommandLine;
using BlockHost.Core.Qapi;
using BlockHost.Core.Text;

namespace BlockHost.Images;

/// <summary>
/// The options of <c>-o name=value,…</c>: parsed against what the format and its protocol take, printed as
/// qemu-img's "Formatting" line, and turned into blockdev-create's members.
/// </summary>
internal sealed class CreateOptionList
{
    private readonly IReadOnlyList<CreateOption> _known;
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    public CreateOptionList(IEnumerable<CreateOption> known)
    {
        _known = [.. known.DistinctBy(option => option.Name)];
        foreach (var option in _known)
        {
            if (option.Default is { } value)
                _values[option.Name] = value;
        }
    }

    public bool Knows(string name) => _known.Any(option => option.Name == name);

    public string? this[string name] => _values.GetValueOrDefault(name);

    /// <summary>Sets an option to a value that is well formed.</summary>
    public void Set(string name, string value) => _values[name] = value;

    public long? Size => this["size"] is { } size ? long.Parse(size, CultureInfo.InvariantCulture) : null;

    /// <param name="text">name=value,…; a doubled comma is one in a value; a bare name means on, "noname" off.</param>
    /// <exception cref="ToolException">An unknown option, or a value of the wrong kind.</exception>
    public void Parse(string text)
    {
        foreach (var part in SplitCommas(text))
        {
            var equals = part.IndexOf('=');
            var name = equals < 0 ? part : part[..equals];
            var value = equals < 0 ? "on" : part[(equals + 1)..];
            if (equals < 0 && !Knows(name) && name.StartsWith("no", StringComparison.Ordinal) && Knows(name[2..]))
                (name, value) = (name[2..], "off");
            var option = _known.FirstOrDefault(known => known.Name == name) ?? throw new ToolException(UnknownOption(name));
            _values[name] = Normalize(option, value);
        }
    }

    public static string UnknownOption(string name) => $"Invalid parameter '{name}'";

    /// <summary>Several -o are joined by commas, so that none may begin, end or be empty with one.</summary>
    /// <exception cref="ToolException">It does.</exception>
    public static string CheckList(string text) =>
        text.Length > 0 && !text.StartsWith(',') && !EndsWithSingleComma(text)
            ? text
            : throw new ToolException($"Invalid option list: {text}");

    private static bool EndsWithSingleComma(string text) => (text.Length - text.TrimEnd(',').Length) % 2 == 1;

    /// <summary>"help" or "?" among the options.</summary>
    public static bool AsksForHelp(string text) => SplitCommas(text).Any(part => part is "help" or "?");

    public static IEnumerable<string> SplitCommas(string text)
    {
        var part = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != ',')
            {
                part.Append(text[i]);
            }
            else if (i + 1 < text.Length && text[i + 1] == ',')
            {
                part.Append(',');
                i++;
            }
            else
            {
                yield return part.ToString();
                part.Clear();
            }
        }

        if (part.Length > 0)
            yield return part.ToString();
    }

    /// <summary>"name=value name=value", in the order the format declares them.</summary>
    public string Describe() =>
        string.Join(
            ' ',
            _known.Where(option => _values.ContainsKey(option.Name))
                .Select(option => $"{option.Name}={Quote(_values[option.Name])}"));

    /// <summary>The lines of "-o help", by name.</summary>
    /// <param name="all">And those that QEMU does not have.</param>
    public IEnumerable<string> HelpLines(bool all) =>
        _known.Where(option => all || !option.IsBeyondQemu).OrderBy(
            option => option.Name,
            StringComparer.Ordinal).Select(option => $"  {$"{option.Name}=<{KindName(option.Kind)}>",-22} - {option.Help}");

    /// <summary>
    /// Adds what <paramref name="driverOptions"/> knows to a blockdev-create object; dotted members become nested objects.
    /// </summary>
    public void AddMembers(JsonObject create, IEnumerable<CreateOption> driverOptions)
    {
        foreach (var option in driverOptions)
        {
            if (!_values.TryGetValue(option.Name, out var value) || IsWithoutMeaning(option, value))
                continue;
            var path = option.Member.Split('.');
            var target = create;
            foreach (var step in path[..^1])
                target = (JsonObject)(target[step] ??= new JsonObject());
            if (target.ContainsKey(path[^1]))
                throw new ToolException($"'{option.Name}' and its alias '{AliasOf(option)}' can't be used at the same time");
            target[path[^1]] = ToJson(option, value);
        }
    }

    /// <summary>A switch that stands for a choice says nothing when it is off.</summary>
    private static bool IsWithoutMeaning(CreateOption option, string value) =>
        option is { Kind: CreateOptionKind.Bool, Values: { } meanings } && !meanings.ContainsKey(value);

    private string AliasOf(CreateOption option) => _known.First(other => other != option && other.Member == option.Member).Name;

    private static JsonNode ToJson(CreateOption option, string value) => option.Kind switch
    {
        CreateOptionKind.Bool when option.Values is null => JsonValue.Create(value == "on"),
        CreateOptionKind.Number or CreateOptionKind.Size => JsonValue.Create(long.Parse(value, CultureInfo.InvariantCulture)),
        _ => JsonValue.Create(option.Values?.GetValueOrDefault(value) ?? value),
    };

    private static string Normalize(CreateOption option, string value)
    {
        switch (option.Kind)
        {
            case CreateOptionKind.Bool:
                return value is "on" or "off"
                    ? value
                    : throw new ToolException($"Parameter '{option.Name}' expects 'on' or 'off'");
            case CreateOptionKind.Number:
                return ParseNumber(option.Name, value).ToString(CultureInfo.InvariantCulture);
            case CreateOptionKind.Size:
                return ParseSize(option.Name, value).ToString(CultureInfo.InvariantCulture);
            default:
                return value;
        }
    }

    /// <summary>As C reads it: decimal, octal, hexadecimal, and what is below zero wraps round and back in print.</summary>
    private static long ParseNumber(string name, string value)
    {
        if (NumberText.TryParsePlain(value, out var number))
            return unchecked((long)(ulong)number);
        throw new ToolException(value.Length > 0 && value.All(char.IsAsciiDigit)
            ? $"Value '{value}' is too large for parameter '{name}'"
            : $"Parameter '{name}' expects a number");
    }

    /// <summary>A size as QEMU's option parser reads it, with its messages.</summary>
    public static long ParseSize(string name, string value) => Sizes.TryParse(value, out var bytes) switch
    {
        SizeError.None => bytes,
        SizeError.OutOfRange => throw new ToolException($"Value '{value}' is out of range for parameter '{name}'"),
        _ => throw new ToolException($"Parameter '{name}' expects a non-negative number below 2^64")
        {
            Hint = "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.",
        },
    };

    private static string KindName(CreateOptionKind kind) => kind switch
    {
        CreateOptionKind.Bool => "bool (on/off)",
        CreateOptionKind.Number => "num",
        CreateOptionKind.Size => "size",
        _ => "str",
    };

    private static string Quote(string value) => value.Contains(' ') || value.Length == 0 ? $"'{value}'" : value;
}
