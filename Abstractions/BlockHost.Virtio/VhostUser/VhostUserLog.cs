// SPDX-License-Identifier: MIT
using Microsoft.Extensions.Logging;

namespace BlockHost.Virtio.VhostUser;

/// <summary>What an operator has to know of front-ends.</summary>
internal static partial class VhostUserLog
{
    [LoggerMessage(1, LogLevel.Warning, "A front-end was disconnected: {Reason}")]
    public static partial void FrontEndDropped(this ILogger log, string reason);

    [LoggerMessage(2, LogLevel.Warning, "A message of the front-end was refused: {Reason}")]
    public static partial void MessageRefused(this ILogger log, string reason);

    [LoggerMessage(3, LogLevel.Warning, "Ring {Ring} stands still, as the guest left the rules: {Fault}")]
    public static partial void RingBroken(this ILogger log, int ring, string fault);

    [LoggerMessage(4, LogLevel.Error, "Ring {Ring} failed")]
    public static partial void RingFailed(this ILogger log, int ring, Exception e);

    [LoggerMessage(5, LogLevel.Error, "A connection was dropped")]
    public static partial void ConnectionFailed(this ILogger log, Exception e);
}
