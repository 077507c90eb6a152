// SPDX-License-Identifier: MIT
using Microsoft.Extensions.Logging;

namespace BlockHost.Plugins.Block.Rbd;

/// <summary>What an operator has to know of a Ceph cluster.</summary>
internal static partial class RbdLog
{
    [LoggerMessage(1, LogLevel.Warning, "Ceph does not answer: the image is closed when it does")]
    public static partial void LeftOpen(ILogger logger);

    [LoggerMessage(2, LogLevel.Error, "The image was not closed well: {Reason}")]
    public static partial void CloseFailed(ILogger logger, string reason);
}
