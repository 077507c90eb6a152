// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Jobs;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Microsoft.Extensions.Logging;

namespace BlockHost.Core.Logging;

/// <summary>Where a plugin's code is: the namespace that its entry class is in.</summary>
public readonly record struct PluginCode(string Id, string Namespace);

/// <summary>
/// Exceptions that the contract does not know are mistakes in somebody's code. This finds out whose, keeps the stack in the
/// log, and gives the text for the client.
/// </summary>
/// <param name="running">The plugins whose code runs now.</param>
public sealed class PluginFaults(Func<IEnumerable<PluginCode>> running, ILoggerFactory loggers)
{
    private readonly ILogger _log = loggers.CreateLogger(LogCategories.Plugin);

    /// <summary>An error of what was asked for or of the system, not of the code that does it.</summary>
    public static bool IsExpected(Exception e) =>
        e is QmpException or BlockException or PluginException or JobException or OperationCanceledException or IOException
            or UnauthorizedAccessException;

    /// <summary>Logs the exception with its stack.</summary>
    /// <param name="provider">Id of the plugin whose code was called, where it is known; the stack may show another one.</param>
    /// <param name="doing">What it was called for: "in command 'x'".</param>
    /// <returns>Whose mistake it is, for people: "Plugin 'x' failed in command 'y': …".</returns>
    public string Report(Exception e, string? provider, string doing)
    {
        var text = Describe(e, provider, doing);
        _log.PluginFailed(e, text);
        return text;
    }

    /// <summary>As <see cref="Report"/>, without the log.</summary>
    public string Describe(Exception e, string? provider, string doing)
    {
        var id = Culprit(e.StackTrace) ?? provider;
        return $"{(id is null or PluginCodes.Host ? "The host" : $"Plugin '{id}'")} failed {doing}: {e.GetType().Name}: {e.Message}";
    }

    /// <summary>The plugin with the innermost frame; a library that it ships has the plugin's own code around it.</summary>
    private string? Culprit(string? stack)
    {
        if (stack is null)
            return null;
        var plugins = running().ToArray();
        foreach (var line in stack.AsSpan().EnumerateLines())
        {
            var method = line.Trim() is var frame && frame.IndexOf(' ') is >= 0 and var space ? frame[(space + 1)..] : default;
            foreach (var plugin in plugins)
            {
                if (method.StartsWith(plugin.Namespace, StringComparison.Ordinal) && method.Length > plugin.Namespace.Length
                    && method[plugin.Namespace.Length] == '.')
                    return plugin.Id;
            }
        }

        return null;
    }
}

/// <summary>Ids that are no plugin's.</summary>
internal static class PluginCodes
{
    /// <summary>What the host itself registers is owned by this id.</summary>
    public const string Host = "host";
}
