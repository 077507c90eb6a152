// SPDX-License-Identifier: MIT
using Microsoft.Extensions.Logging;

namespace BlockHost.Core.Logging;

/// <summary>The host's own categories; a plugin's is its id.</summary>
internal static class LogCategories
{
    public const string Block = "block";
    public const string Command = "command";
    public const string Job = "job";
    public const string Monitor = "monitor";
    public const string Plugin = "plugin";
}

/// <summary>What an operator has to know of the host. Each costs one comparison where its level is off.</summary>
internal static partial class HostLog
{
    /// <summary>Requests, commands and drains that take longer are worth a line.</summary>
    public static readonly TimeSpan SlowAfter = TimeSpan.FromSeconds(5);

    [LoggerMessage(1, LogLevel.Error, "{Text}")]
    public static partial void PluginFailed(this ILogger log, Exception e, string text);

    [LoggerMessage(2, LogLevel.Error, "Plugin '{Plugin}' is {State}: {Reason}")]
    public static partial void PluginUnusable(this ILogger log, Exception e, string plugin, string state, string? reason);

    [LoggerMessage(3, LogLevel.Information, "Plugin '{Plugin}' is {State}")]
    public static partial void PluginState(this ILogger log, string plugin, string state);

    [LoggerMessage(4, LogLevel.Error, "Plugin '{Plugin}' did not stop: {Reason}")]
    public static partial void PluginDidNotStop(this ILogger log, Exception e, string plugin, string reason);

    [LoggerMessage(10, LogLevel.Debug, "Monitor '{Monitor}': {Command}")]
    public static partial void CommandBegins(this ILogger log, string monitor, string command);

    [LoggerMessage(11, LogLevel.Warning, "Command '{Command}' took {Seconds:0.0} s")]
    public static partial void CommandWasSlow(this ILogger log, string command, double seconds);

    [LoggerMessage(20, LogLevel.Information, "Monitor '{Monitor}': a client has connected")]
    public static partial void MonitorConnected(this ILogger log, string monitor);

    [LoggerMessage(21, LogLevel.Information, "Monitor '{Monitor}': a client has gone")]
    public static partial void MonitorGone(this ILogger log, string monitor);

    [LoggerMessage(22, LogLevel.Warning, "Monitor '{Monitor}': a client could not be taken, and the next try follows: {Reason}")]
    public static partial void MonitorRetries(this ILogger log, string monitor, string reason);

    [LoggerMessage(23, LogLevel.Error, "Monitor '{Monitor}': its connection was dropped")]
    public static partial void MonitorDropped(this ILogger log, Exception e, string monitor);

    [LoggerMessage(30, LogLevel.Warning, "Job '{Job}' ({Type}) failed: {Reason}")]
    public static partial void JobFailed(this ILogger log, string? job, string type, string reason);

    [LoggerMessage(40, LogLevel.Warning, "Node '{Node}': a request ({Kind}) took {Seconds:0.0} s")]
    public static partial void RequestWasSlow(this ILogger log, string node, string kind, double seconds);

    [LoggerMessage(41, LogLevel.Warning, "A drain of {What} has waited for {Seconds:0} s")]
    public static partial void DrainWaits(this ILogger log, string what, double seconds);

    [LoggerMessage(43, LogLevel.Warning, "Node '{Node}': a request ({Kind}) has waited for {Seconds:0} s: it may wait for {Peers}")]
    public static partial void RequestIsStuck(this ILogger log, string node, string kind, double seconds, string peers);

    [LoggerMessage(
        44, LogLevel.Warning, "Node '{Node}': a request ({Kind}) has missed its deadline after {Seconds:0.0} s: the peer is given up")]
    public static partial void DeadlineMissed(this ILogger log, string node, string kind, double seconds);

    [LoggerMessage(42, LogLevel.Debug, "Node '{Node}': a request ({Kind}) failed: {Reason}")]
    public static partial void RequestFailed(this ILogger log, string node, string kind, string reason);
}
