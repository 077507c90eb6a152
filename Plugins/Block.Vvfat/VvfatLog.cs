// SPDX-License-Identifier: MIT
using Microsoft.Extensions.Logging;

namespace BlockHost.Plugins.Block.Vvfat;

internal static partial class VvfatLog
{
    [LoggerMessage(1, LogLevel.Warning, "{Count} entries of '{Folder}' are not shown: {Entries}")]
    public static partial void SomeLeftOut(this ILogger logger, string folder, int count, string entries);

    [LoggerMessage(2, LogLevel.Warning, "File '{Path}' of '{Folder}' has changed since the disk was made of it: it cannot be read")]
    public static partial void FileChanged(this ILogger logger, string folder, string path);
}
