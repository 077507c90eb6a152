// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;

namespace BlockHost.Images;

/// <summary>Options as --image-opts and "open -o" take them: name=value,…; a doubled comma is one in a value.</summary>
internal static class ImageOptionText
{
    /// <summary>
    /// An image named by options, for programs to which a bare name means "on", or with "no" before it "off": they warn of it.
    /// </summary>
    /// <param name="path">The image's name where it was given apart from the options.</param>
    public static ImageSource Source(ToolConsole console, string text, string? path = null) =>
        new(Format(Parse(console, text)), IsOptions: true) { Path = path };

    public static Dictionary<string, string> Parse(ToolConsole console, string text)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in CreateOptionList.SplitCommas(text))
        {
            var (name, value) = Pair(part);
            options[name] = value;
            if (part.Contains('='))
                continue;
            console.Warn($"short-form boolean option '{part}' deprecated");
            console.ErrorLine($"Please use {name}={value} instead");
        }

        return options;
    }

    /// <summary>
    /// Names and values, the last one of a name given twice. A bare word at the start is the node under the image.
    /// </summary>
    public static Dictionary<string, string> Parse(string text)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in CreateOptionList.SplitCommas(text))
        {
            var (name, value) = options.Count == 0 && !part.Contains('=') ? ("file", part) : Pair(part);
            options[name] = value;
        }

        return options;
    }

    public static string Format(IEnumerable<KeyValuePair<string, string>> options) =>
        string.Join(',', options.Select(option => $"{option.Key}={option.Value.Replace(",", ",,", StringComparison.Ordinal)}"));

    private static (string Name, string Value) Pair(string part)
    {
        var equals = part.IndexOf('=');
        if (equals >= 0)
            return (part[..equals], part[(equals + 1)..]);
        return part.StartsWith("no", StringComparison.Ordinal) ? (part[2..], "off") : (part, "on");
    }
}
