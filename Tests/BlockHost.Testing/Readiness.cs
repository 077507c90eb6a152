// SPDX-License-Identifier: MIT
namespace BlockHost.Testing;

/// <summary>Whether a server that was started can be used.</summary>
public static class Readiness
{
    private const string AcceptsConnections = "00010000";

    /// <summary>
    /// Whether a file is there and, if it is a socket, somebody listens on it: a server gives its socket a name first. Nothing
    /// connects, as some servers end with their first client.
    /// </summary>
    public static bool IsReady(string path)
    {
        if (!File.Exists(path))
            return false;
        var flags = FlagsOfSockets(path);
        return flags.Count == 0 || flags.Contains(AcceptsConnections);
    }

    /// <summary>None where the file is no socket.</summary>
    /// <remarks>Lines of /proc/net/unix: Num RefCount Protocol Flags Type St Inode Path.</remarks>
    private static List<string> FlagsOfSockets(string path) =>
        [.. File.ReadLines("/proc/net/unix")
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(words => words.Length > 7 && IsSame(string.Join(' ', words[7..]), path))
            .Select(words => words[3])];

    /// <summary>A server may have been given the name from the folder that it runs in.</summary>
    private static bool IsSame(string bound, string path) =>
        bound == path || (!Path.IsPathRooted(bound) && path.EndsWith("/" + bound, StringComparison.Ordinal));
}
