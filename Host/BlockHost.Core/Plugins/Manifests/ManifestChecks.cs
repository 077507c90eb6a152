// SPDX-License-Identifier: MIT
using System.Buffers;
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>What each member of a manifest must be. Messages follow "its manifest FILE ".</summary>
public static class ManifestChecks
{
    private const int LongestId = 64;
    private const int LongestMagic = 64;
    private const int FurthestMagic = 1 << 20;
    private const int Sha256Digits = 64;

    private static readonly SearchValues<char> WordCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789");
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdefABCDEF");

    /// <summary>The id is a folder's and a file's name too.</summary>
    public static string Id(string id) =>
        id.Length <= LongestId && id != "host"
            && id.Split('.', '-').All(word => word.Length > 0 && !word.AsSpan().ContainsAnyExcept(WordCharacters))
            ? id
            : throw new PluginException(
                $"has the id '{id}'; an id is lower-case words and digits joined by '.' or '-', and not 'host'");

    /// <summary>The assembly's full path; nothing outside the plugin's folder can be named.</summary>
    public static string AssemblyPath(string relative, string pluginFolder)
    {
        if (relative.Contains('\\') || relative.Contains('\0') || Path.IsPathRooted(relative))
            throw new PluginException($"has the assembly '{relative}'; a path inside the plugin's folder is wanted, with '/'");
        var root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(pluginFolder)) + Path.DirectorySeparatorChar;
        var full = Path.GetFullPath(Path.Combine(root, relative));
        if (!full.StartsWith(root, StringComparison.Ordinal))
            throw new PluginException($"has the assembly '{relative}', which is outside the plugin's folder {root}");
        if (!full.EndsWith(".dll", StringComparison.OrdinalIgnoreCase))
            throw new PluginException($"has the assembly '{relative}', which is no .dll");
        return full;
    }

    public static string Sha256(string sha256) =>
        sha256.Length == Sha256Digits && IsHex(sha256)
            ? sha256.ToLowerInvariant()
            : throw new PluginException($"has the sha256 '{sha256}'; 64 hexadecimal digits are wanted");

    public static ContractRange Contract(string? from, string? to) =>
        ContractVersion.TryParse(from, out var min) && ContractVersion.TryParse(to, out var max) && min.CompareTo(max) < 0
            ? new ContractRange(min, max)
            : throw new PluginException(
                $"has the contract from '{from}' to '{to}'; two versions such as \"1.0\" and \"2.0\" are wanted, the first below the second");

    public static IReadOnlyList<string> Names(JsonMembers members, string kind)
    {
        var names = members.Texts(kind);
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in names)
        {
            if (string.IsNullOrWhiteSpace(name))
                throw new PluginException($"provides an empty name in \"{kind}\"");
            if (!known.Add(name))
                throw new PluginException($"provides '{name}' twice in \"{kind}\"");
        }

        return names;
    }

    /// <param name="magic">Null, and no suffix: the driver takes any image that nobody else claims.</param>
    public static FormatProbe Probe(string driver, int offset, string? magic, string? suffix, IReadOnlyList<string> drivers)
    {
        RequireOwn(driver, drivers, "probes");
        if (offset is < 0 or > FurthestMagic)
            throw new PluginException($"probes for '{driver}' at offset {offset}; 0 to {FurthestMagic} is possible");
        if (suffix is not null && (magic is not null || suffix.Length < 2))
            throw new PluginException(
                $"probes for '{driver}' by the suffix '{suffix}'; 2 characters or more are wanted, and no magic");
        if (magic is null)
            return new FormatProbe(driver, 0, ReadOnlyMemory<byte>.Empty, suffix);
        if (magic.Length is 0 or > 2 * LongestMagic || magic.Length % 2 != 0 || !IsHex(magic))
            throw new PluginException(
                $"probes for '{driver}' with the magic '{magic}'; 1 to {LongestMagic} bytes in hexadecimal are wanted");
        return new FormatProbe(driver, offset, Convert.FromHexString(magic));
    }

    public static IReadOnlyDictionary<string, string> Prefixes(
        IReadOnlyDictionary<string, string> prefixes, IReadOnlyList<string> drivers)
    {
        foreach (var (prefix, driver) in prefixes)
        {
            RequireOwn(driver, drivers, "fileNamePrefixes");
            if (!IsPrefix(prefix))
                throw new PluginException(
                    $"has the file name prefix '{prefix}'; letters, digits, '_', '+', '-' and '.' are possible");
        }

        return prefixes;
    }

    private static void RequireOwn(string driver, IReadOnlyList<string> drivers, string member)
    {
        if (!drivers.Contains(driver))
            throw new PluginException($"has the driver '{driver}' in \"{member}\", but does not provide it");
    }

    private static bool IsHex(string text) => !text.AsSpan().ContainsAnyExcept(HexDigits);

    private static bool IsPrefix(string text) =>
        text.Length == 0
            || (char.IsAsciiLetter(text[0]) && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '+' or '-' or '.'));
}
