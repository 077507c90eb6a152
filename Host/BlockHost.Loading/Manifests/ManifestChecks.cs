// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;
using BlockHost.Core.Plugins;
using BlockHost.Plugins;

namespace BlockHost.Loading;

/// <summary>What each member of a manifest must be. Messages follow "its manifest FILE ".</summary>
internal static partial class ManifestChecks
{
    private const int LongestId = 64;
    private const int LongestMagic = 64;
    private const int FurthestMagic = 1 << 20;

    public static string Present(string? value, string member) =>
        string.IsNullOrWhiteSpace(value) ? throw new PluginException($"has no \"{member}\"") : value;

    /// <summary>The id is a folder's and a file's name too.</summary>
    public static string Id(string? id)
    {
        if (Present(id, "id").Length > LongestId || !IdPattern().IsMatch(id!) || id == "host")
            throw new PluginException($"has the id '{id}'; an id is lower-case words and digits joined by '.' or '-', and not 'host'");
        return id!;
    }

    /// <summary>The assembly's full path; nothing outside the plugin's folder can be named.</summary>
    public static string AssemblyPath(string? assembly, string pluginFolder)
    {
        var relative = Present(assembly, "assembly");
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

    public static string Sha256(string? sha256) =>
        Sha256Pattern().IsMatch(Present(sha256, "sha256"))
            ? sha256!.ToLowerInvariant()
            : throw new PluginException($"has the sha256 '{sha256}'; 64 hexadecimal digits are wanted");

    public static ContractRange Contract(ContractDocument? contract)
    {
        if (contract is null)
            throw new PluginException("has no \"contract\"");
        if (!ContractVersion.TryParse(contract.Min, out var min) || !ContractVersion.TryParse(contract.Max, out var max) || min.CompareTo(max) >= 0)
        {
            throw new PluginException(
                $"has the contract from '{contract.Min}' to '{contract.Max}'; two versions such as \"1.0\" and \"2.0\" are wanted, the first below the second");
        }

        return new ContractRange(min, max);
    }

    public static PluginProvides Provides(ProvidesDocument? document)
    {
        if (document is null)
            throw new PluginException("has no \"provides\"");
        return new PluginProvides
        {
            Drivers = Names(document.Drivers, "drivers"),
            Jobs = Names(document.Jobs, "jobs"),
            Yank = Names(document.Yank, "yank"),
            Devices = Names(document.Devices, "devices"),
            Exports = Names(document.Exports, "exports"),
            Commands = Names(document.Commands, "commands"),
            Events = Names(document.Events, "events"),
            Types = Names(document.Types, "types"),
        };
    }

    public static FormatProbe Probe(ProbeDocument? probe, IReadOnlyList<string> drivers)
    {
        var driver = OwnDriver(probe?.Driver, drivers, "probes");
        if (probe!.Offset is < 0 or > FurthestMagic)
            throw new PluginException($"probes for '{driver}' at offset {probe.Offset}; 0 to {FurthestMagic} is possible");
        if (probe.Magic is not { Length: > 0 and <= 2 * LongestMagic } magic || !HexPattern().IsMatch(magic))
            throw new PluginException($"probes for '{driver}' with the magic '{probe.Magic}'; 1 to {LongestMagic} bytes in hexadecimal are wanted");
        return new FormatProbe(driver, probe.Offset, Convert.FromHexString(magic));
    }

    public static IReadOnlyDictionary<string, string> Prefixes(IReadOnlyDictionary<string, string>? prefixes, IReadOnlyList<string> drivers)
    {
        foreach (var (prefix, driver) in prefixes ?? new Dictionary<string, string>())
        {
            OwnDriver(driver, drivers, "fileNamePrefixes");
            if (!PrefixPattern().IsMatch(prefix))
                throw new PluginException($"has the file name prefix '{prefix}'; letters, digits, '_', '+', '-' and '.' are possible");
        }

        return prefixes ?? new Dictionary<string, string>();
    }

    private static string OwnDriver(string? driver, IReadOnlyList<string> drivers, string member) =>
        drivers.Contains(Present(driver, $"driver\" in \"{member}"))
            ? driver!
            : throw new PluginException($"has the driver '{driver}' in \"{member}\", but does not provide it");

    private static IReadOnlyList<string> Names(IReadOnlyList<string>? names, string member)
    {
        foreach (var name in names ?? [])
        {
            if (string.IsNullOrWhiteSpace(name))
                throw new PluginException($"provides an empty name in \"{member}\"");
        }

        if (names is not null && names.Distinct(StringComparer.Ordinal).Count() != names.Count)
            throw new PluginException($"provides a name twice in \"{member}\"");
        return names ?? [];
    }

    [GeneratedRegex(@"\A[a-z0-9]+([.-][a-z0-9]+)*\z")]
    private static partial Regex IdPattern();

    [GeneratedRegex(@"\A[0-9A-Fa-f]{64}\z")]
    private static partial Regex Sha256Pattern();

    [GeneratedRegex(@"\A([0-9A-Fa-f]{2})+\z")]
    private static partial Regex HexPattern();

    [GeneratedRegex(@"\A[A-Za-z][A-Za-z0-9_+.-]*\z")]
    private static partial Regex PrefixPattern();
}
