// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.CommandLine;
using BlockHost.Core.Files;

namespace BlockHost.Tools.Daemon;

/// <summary>A folder that only this user can enter, held by one daemon at a time.</summary>
internal static class StateFolder
{
    private const UnixFileMode FolderMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const string LockName = "lock";
    private const int LongestSocketPath = 107;
    private const int WouldBlock = 11;

    private const string Elsewhere = "give a folder of your own with --state DIR";

    /// <summary>blockhost in the user's folder for state.</summary>
    /// <exception cref="ToolException">The user has no home.</exception>
    public static string Default()
    {
        var state = Environment.GetEnvironmentVariable("XDG_STATE_HOME");
        if (Path.IsPathRooted(state))
            return Path.Combine(state, "blockhost");
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify);
        if (!Path.IsPathRooted(home))
            throw new ToolException($"this user has no home to keep a disk in; {Elsewhere}");
        return Path.Combine(home, ".local", "state", "blockhost");
    }

    /// <summary>Makes the folder where it is not there yet, and closes it to others.</summary>
    /// <returns>The lock; the folder is free again when it is disposed.</returns>
    /// <exception cref="ToolException">It cannot be used; says what to do.</exception>
    public static FileStream Open(string path, string longestSocket)
    {
        if (Encoding.UTF8.GetByteCount(Path.Combine(path, longestSocket)) > LongestSocketPath)
            throw new ToolException(
                $"the path of the state folder {path} is too long for the sockets in it; give a shorter one with --state DIR");
        if (File.Exists(path))
            throw new ToolException($"the state folder {path} is a file; {Elsewhere}");
        try
        {
            Directory.CreateDirectory(path, FolderMode);
            Close(path);
            return Lock(path);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new ToolException($"cannot use the state folder {path}: {Reason(e)}; {Elsewhere}");
        }
    }

    /// <summary>Closes a file of the daemon's to others, as one of an earlier version is open to them.</summary>
    public static void CloseFile(string path)
    {
        if (File.Exists(path) && (File.GetUnixFileMode(path) & ~FileMode) != 0)
            File.SetUnixFileMode(path, FileMode);
    }

    private static void Close(string path)
    {
        var facts = FileFacts.Of(path, followLink: true) ?? throw new DirectoryNotFoundException("it is not there");
        if (facts.Owner != FileFacts.CurrentUser)
            throw new ToolException($"the state folder {path} belongs to another user (number {facts.Owner}); {Elsewhere}");
        if ((facts.Mode & ~(int)FolderMode & 0x1ff) == 0)
            return;
        if (facts.IsSticky || !IsOurs(path))
            throw new ToolException(
                $"the folder {path} holds other things, and other users can enter it (mode {facts.Permissions}); {Elsewhere}, or close this one: chmod 700 {path}");
        File.SetUnixFileMode(path, FolderMode);
    }

    /// <summary>Empty, or used by a daemon before.</summary>
    private static bool IsOurs(string path) =>
        File.Exists(Path.Combine(path, LockName)) || !Directory.EnumerateFileSystemEntries(path).Any();

    private static FileStream Lock(string path)
    {
        var file = Path.Combine(path, LockName);
        try
        {
            return new FileStream(file, new FileStreamOptions
            {
                Mode = System.IO.FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                UnixCreateMode = FileMode,
            });
        }
        catch (IOException e) when (e.HResult == WouldBlock)
        {
            throw new ToolException($"another blockhost serves from {path}; give this one a folder of its own with --state DIR");
        }
    }

    private static string Reason(Exception error) => error switch
    {
        UnauthorizedAccessException => "Permission denied",
        DirectoryNotFoundException or FileNotFoundException => "No such file or directory",
        _ => error.Message,
    };
}
