// SPDX-License-Identifier: MIT
using Microsoft.Extensions.Logging;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>What an operator has to know of clients.</summary>
internal static partial class NbdLog
{
    [LoggerMessage(1, LogLevel.Warning, "A client was refused: {Reason}")]
    public static partial void ClientRefused(this ILogger log, string reason);

    [LoggerMessage(2, LogLevel.Error, "A connection was dropped")]
    public static partial void ConnectionDropped(this ILogger log, Exception e);
}
