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
    public static bool IsReady(string path) => File.Exists(path) && (!IsSocket(path) || Listens(path));

    // A socket cannot be opened; a file that its owner has locked cannot either, for another reason.
    private static bool IsSocket(string path)
    {
        const int NoSuchDeviceOrAddress = 6;
        try
        {
            File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete).Dispose();
            return false;
        }
        catch (IOException e)
        {
            return e.HResult == NoSuchDeviceOrAddress;
        }
    }

    /// <remarks>
    /// Lines of /proc/net/unix: Num RefCount Protocol Flags Type St Inode Path. A socket is listed a moment after its file is
    /// there.
    /// </remarks>
    private static bool Listens(string path) =>
        File.ReadLines("/proc/net/unix")
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Any(words => words.Length > 7 && words[3] == AcceptsConnections && IsSame(string.Join(' ', words[7..]), path));

    /// <summary>A server may have been given the name from the folder that it runs in.</summary>
    private static bool IsSame(string bound, string path) =>
        bound == path || (!Path.IsPathRooted(bound) && path.EndsWith("/" + bound, StringComparison.Ordinal));
}
