// SPDX-License-Identifier: MIT
using Microsoft.Extensions.Logging;

namespace BlockHost.Plugins.Block.Vvfat;

internal static partial class VvfatLog
{
    [LoggerMessage(1, LogLevel.Warning, "{Count} entries of '{Folder}' are not shown: {Entries}")]
    public static partial void SomeLeftOut(this ILogger logger, string folder, int count, string entries);

    [LoggerMessage(2, LogLevel.Warning, "File '{Path}' of '{Folder}' has changed since the disk was made of it: it cannot be read")]
    public static partial void FileChanged(this ILogger logger, string folder, string path);

    [LoggerMessage(3, LogLevel.Information, "What the guest has written waits in the journal of '{Folder}': {Reason}")]
    public static partial void NotTakenBack(this ILogger logger, string folder, string reason);

    [LoggerMessage(4, LogLevel.Warning, "'{Folder}' has not all that the guest has written, its journal has: {Reason}")]
    public static partial void JournalStays(this ILogger logger, string folder, string reason);
}
