// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;

namespace BlockHost.Plugins.Block.Vvfat.Layout;

/// <summary>
/// The names of one directory. FAT tells upper case from lower as little as long names from short ones, so that each must
/// differ from all others of both kinds.
/// </summary>
internal sealed class NameTable
{
    private const int BaseLength = 8;
    private const int ExtensionLength = 3;
    private const string ShortSymbols = "!#$%&'()-@^_`{}~";

    private readonly HashSet<string> _taken = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, int> _lastTail = [];

    /// <returns>In the order of <paramref name="hostNames"/>.</returns>
    public static FatName[] Of(IReadOnlyList<string> hostNames)
    {
        var table = new NameTable();
        var longNames = new string[hostNames.Count];
        // All long names first: the short ones are made up, and make room.
        for (var i = 0; i < longNames.Length; i++)
            longNames[i] = table.TakeLong(NameCharacters.ToFat(hostNames[i]));
        return Array.ConvertAll(longNames, table.Complete);
    }

    /// <summary>Two names of the host that differ in case alone: the later one gets a number.</summary>
    private string TakeLong(string name)
    {
        var dot = name.LastIndexOf('.');
        var (stem, extension) = dot > 0 ? (name[..dot], name[dot..]) : (name, "");
        var candidate = name;
        for (var number = 2; !_taken.Add(candidate); number++)
        {
            var tail = string.Create(CultureInfo.InvariantCulture, $"~{number}");
            var room = Math.Max(FatName.MostUnits - tail.Length - extension.Length, 0);
            candidate = string.Concat(stem.AsSpan(0, Math.Min(stem.Length, room)), tail, extension);
        }

        return candidate;
    }

    private FatName Complete(string name)
    {
        if (TrySplit(name, out var stem, out var extension))
            return new FatName(name, Bytes(stem, extension), NeedsLong: name.Any(char.IsAsciiLetterLower));
        (stem, extension) = Shorten(name);
        return new FatName(name, Bytes(TakeShort(stem, extension), extension), NeedsLong: true);
    }

    /// <summary>A name that is a short one but for its case.</summary>
    private static bool TrySplit(string name, out string stem, out string extension)
    {
        var dot = name.IndexOf('.');
        (stem, extension) = dot < 0 ? (name, "") : (name[..dot], name[(dot + 1)..]);
        (stem, extension) = (stem.ToUpperInvariant(), extension.ToUpperInvariant());
        return stem.Length is > 0 and <= BaseLength
            && extension.Length <= ExtensionLength && extension.Length > 0 == dot >= 0
            && name.All(c => char.IsAscii(c) && (IsShort(char.ToUpperInvariant(c)) || c == '.'))
            && !extension.Contains('.');
    }

    private static (string Stem, string Extension) Shorten(string name)
    {
        name = name.TrimStart('.', ' ');
        var dot = name.LastIndexOf('.');
        var stem = Filter(dot < 0 ? name : name[..dot]);
        var extension = Filter(dot < 0 ? "" : name[(dot + 1)..]);
        return (stem.Length == 0 ? "_" : stem, extension[..Math.Min(extension.Length, ExtensionLength)]);
    }

    private static string Filter(string text)
    {
        var result = new StringBuilder();
        foreach (var c in text.Where(c => c is not ('.' or ' ')))
        {
            var upper = char.ToUpperInvariant(c);
            result.Append(IsShort(upper) ? upper : '_');
            if (result.Length == BaseLength)
                break;
        }

        return result.ToString();
    }

    private string TakeShort(string stem, string extension)
    {
        // Names with the same beginning go on where the last one ended, or a thousand of them would take a million tries.
        var key = $"{stem[..Math.Min(stem.Length, 2)]}.{extension}";
        _lastTail.TryGetValue(key, out var number);
        string candidate;
        do
        {
            var tail = string.Create(CultureInfo.InvariantCulture, $"~{++number}");
            candidate = string.Concat(stem.AsSpan(0, Math.Min(stem.Length, BaseLength - tail.Length)), tail);
        }
        while (!_taken.Add(extension.Length == 0 ? candidate : $"{candidate}.{extension}"));
        _lastTail[key] = number;
        return candidate;
    }

    private static bool IsShort(char c) => char.IsAsciiLetterUpper(c) || char.IsAsciiDigit(c) || ShortSymbols.Contains(c);

    private static byte[] Bytes(string stem, string extension) =>
        Encoding.ASCII.GetBytes(stem.PadRight(BaseLength) + extension.PadRight(ExtensionLength));
}
