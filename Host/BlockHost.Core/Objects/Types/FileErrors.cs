// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Objects.Types;

/// <summary>The system's words for why a file could not be read.</summary>
internal static class FileErrors
{
    public static string Describe(Exception error) => error switch
    {
        FileNotFoundException or DirectoryNotFoundException => "No such file or directory",
        UnauthorizedAccessException => "Permission denied",
        _ => error.Message,
    };
}
