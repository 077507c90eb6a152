// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using Microsoft.Extensions.Logging;

namespace BlockHost.Logging;

/// <summary>What is logged, where to and how. Nothing is, unless something here asks for it.</summary>
internal sealed record LogOptions
{
    public const string FormatNames = "text or json";

    private static readonly Dictionary<string, LogLevel> Levels = new(StringComparer.OrdinalIgnoreCase)
    {
        ["trace"] = LogLevel.Trace,
        ["debug"] = LogLevel.Debug,
        ["info"] = LogLevel.Information,
        ["warning"] = LogLevel.Warning,
        ["error"] = LogLevel.Error,
        ["none"] = LogLevel.None,
    };

    /// <summary>Null: none is given.</summary>
    public LogLevel? Level { get; init; }

    /// <summary>Null: standard error.</summary>
    public string? File { get; init; }

    public bool Json { get; init; }

    /// <summary>Patterns of categories that are logged whole (--trace).</summary>
    public IReadOnlyList<string> Traced { get; init; } = [];

    /// <summary>Used where <see cref="Level"/> is not given.</summary>
    public LogLevel DefaultLevel { get; init; } = LogLevel.None;

    /// <summary>A file is asked for to have something in it.</summary>
    public LogLevel EffectiveLevel => Level ?? (File is not null && Traced.Count == 0 ? LogLevel.Information : DefaultLevel);

    /// <summary>A monitor's client may ask for more while the program runs.</summary>
    public bool CanChange { get; init; }

    /// <summary>Nothing will ever be logged.</summary>
    public bool IsOff => !CanChange && EffectiveLevel == LogLevel.None && Traced.Count == 0;

    /// <exception cref="ToolException">There is no such level.</exception>
    public LogOptions WithLevel(string name) => Levels.TryGetValue(name, out var level)
        ? this with { Level = level }
        : throw new ToolException($"Invalid log level '{name}', use one of {string.Join(", ", Levels.Keys)}");

    /// <exception cref="ToolException">There is no such format.</exception>
    public LogOptions WithFormat(string name) => name is "text" or "json"
        ? this with { Json = name == "json" }
        : throw new ToolException($"Invalid log format '{name}', use {FormatNames}");

    /// <summary>
    /// QEMU's <c>[enable=]PATTERN[,events=FILE][,file=FILE]</c>; a pattern selects categories, or with '-' before it takes them
    /// away.
    /// </summary>
    /// <param name="option">How the option was written, for errors.</param>
    /// <exception cref="ToolException">A file of patterns cannot be read, or there is no such option.</exception>
    public LogOptions WithTrace(string specification, string option)
    {
        var result = this;
        foreach (var part in specification.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var (key, value) = part.IndexOf('=') is >= 0 and var at ? (part[..at], part[(at + 1)..]) : ("enable", part);
            result = key switch
            {
                "enable" => result with { Traced = [.. result.Traced, value] },
                "events" => result with { Traced = [.. result.Traced, .. PatternsOf(value)] },
                "file" => result with { File = value },
                _ => throw new ToolException($"{option} {specification}: Invalid parameter '{key}'"),
            };
        }

        return result;
    }

    private static IEnumerable<string> PatternsOf(string file)
    {
        try
        {
            return [.. System.IO.File.ReadAllLines(file).Select(line => line.Trim())
                .Where(line => line.Length > 0 && line[0] != '#')];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ToolException($"Could not open '{file}': {e.Message}");
        }
    }
}
