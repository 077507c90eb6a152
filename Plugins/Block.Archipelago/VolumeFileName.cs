// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Archipelago;

/// <summary>archipelago:VOLUME[/mport=N[:vport=N][:segment=NAME]], the parts behind the slash in any order.</summary>
internal static class VolumeFileName
{
    private const string Prefix = "archipelago:";

    /// <exception cref="BlockException">It is no such name.</exception>
    internal static ArchipelagoOptions Parse(string name)
    {
        if (!name.StartsWith(Prefix, StringComparison.Ordinal))
            throw Invalid("File name must start with 'archipelago:'");
        var parts = name[Prefix.Length..].Split('/', 2);
        if (parts[0].Length == 0)
            throw Invalid("volume name must be specified");
        var options = new ArchipelagoOptions { Volume = parts[0] };
        if (parts.Length == 1)
            return options;
        foreach (var part in parts[1].Split(':'))
            options = With(options, part);
        return options;
    }

    internal static string Of(ArchipelagoOptions options)
    {
        var parts = new List<string>();
        if (options.Mport is { } mapper)
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"mport={mapper}"));
        if (options.Vport is { } composer)
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"vport={composer}"));
        if (options.Segment is { } segment)
            parts.Add($"segment={segment}");
        return Prefix + options.Volume + (parts.Count == 0 ? "" : "/" + string.Join(':', parts));
    }

    private static ArchipelagoOptions With(ArchipelagoOptions options, string part)
    {
        var (key, value) = part.Split('=', 2) is [var k, var v] ? (k, v) : (part, "");
        return key switch
        {
            "mport" => options with { Mport = Port(value) },
            "vport" => options with { Vport = Port(value) },
            "segment" when value.Length > 0 => options with { Segment = value },
            _ => throw Invalid($"'{part}' is no part of an archipelago file name"),
        };
    }

    private static long Port(string text) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            ? port
            : throw Invalid("mport and/or vport must be set");

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
