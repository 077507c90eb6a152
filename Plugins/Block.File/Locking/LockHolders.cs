// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Locking;

/// <summary>
/// Finds the processes behind a lock. The kernel names none (the owner is a file description, which several can
/// share), but lists under each process what its descriptors hold:
/// <code>
///   /proc/PID/fdinfo/FD    lock:  1: OFDLCK ADVISORY  READ -1 fe:00:11657447 100 101
///                                                     type  pid  device:inode  first last
/// </code>
/// Best effort: processes of other users and name spaces cannot be looked into.
/// </summary>
internal static class LockHolders
{
    /// <summary>"process 4711 (qemu-img), process …" or null where nobody can be named.</summary>
    internal static string? Describe(in FileStatus file, int position, int ownDescriptor)
    {
        var holders = new List<string>();
        try
        {
            foreach (var process in Directory.EnumerateDirectories("/proc"))
            {
                if (int.TryParse(Path.GetFileName(process), NumberStyles.None, CultureInfo.InvariantCulture, out var id) &&
                    Holds(process, file, position, id == Environment.ProcessId ? ownDescriptor : -1))
                    holders.Add($"process {id} ({CommandOf(process)})");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Without a readable /proc the holder stays unnamed.
        }

        return holders.Count == 0 ? null : string.Join(", ", holders);
    }

    private static bool Holds(string process, in FileStatus file, int position, int except)
    {
        try
        {
            foreach (var link in Directory.EnumerateFileSystemEntries($"{process}/fd"))
            {
                var number = Path.GetFileName(link);
                if (number != except.ToString(CultureInfo.InvariantCulture) &&
                    FileDescriptor.TryStatus(link) is { } status && status.IsSameFile(file) &&
                    HoldsByte($"{process}/fdinfo/{number}", position))
                    return true;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The process has ended meanwhile, or is not ours to look into.
        }

        return false;
    }

    private static bool HoldsByte(string descriptorInfo, int position)
    {
        foreach (var line in System.IO.File.ReadLines(descriptorInfo))
        {
            if (line.StartsWith("lock:", StringComparison.Ordinal) && Covers(line, position))
                return true;
        }

        return false;
    }

    private static bool Covers(string line, int position)
    {
        var words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < 3 || !long.TryParse(words[^2], NumberStyles.None, CultureInfo.InvariantCulture, out var first))
            return false;
        var last = long.TryParse(words[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var end) ? end : long.MaxValue;
        return first <= position && position <= last;
    }

    private static string CommandOf(string process)
    {
        try
        {
            return System.IO.File.ReadAllText($"{process}/comm").TrimEnd('\n');
        }
        catch (IOException)
        {
            return "?";
        }
    }
}
