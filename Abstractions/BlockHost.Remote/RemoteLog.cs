// SPDX-License-Identifier: MIT
using Microsoft.Extensions.Logging;

namespace BlockHost.Remote;

/// <summary>What an operator has to know of a far server; no names, which can hold passwords.</summary>
public static partial class RemoteLog
{
    [LoggerMessage(1, LogLevel.Warning, "The server fails: {Reason}")]
    public static partial void Troubled(ILogger logger, string reason);

    [LoggerMessage(2, LogLevel.Information, "The server answers again")]
    public static partial void Recovered(ILogger logger);

    [LoggerMessage(3, LogLevel.Warning, "Nothing more is put into the cache file: {Reason}")]
    public static partial void CacheFull(ILogger logger, string reason);
}
