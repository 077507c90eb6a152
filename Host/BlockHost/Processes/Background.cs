// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;
using BlockHost.CommandLine;
using BlockHost.Core.Processes;
using BlockHost.Posix;

namespace BlockHost.Processes;

/// <summary>
/// A process that goes on behind the shell. A managed program cannot fork, so it starts itself anew:
/// <code>
///   parent ──starts──► child: setsid ─► opens everything ─► writes a byte ─► away from its folder and the standard streams
///      └──reads the pipe◄────────────────────────────────────┘
///         byte: exit 0     end of file: the child failed and has said why
/// </code>
/// </summary>
internal sealed unsafe class Background
{
    private const string ReadyVariable = "BLOCKHOST_READY_FD";

    private readonly int _readyFd;

    private Background(int readyFd) => _readyFd = readyFd;

    /// <summary>In the child: takes over; null in a process that was not started this way.</summary>
    public static Background? Adopt()
    {
        var text = Environment.GetEnvironmentVariable(ReadyVariable);
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var fd))
            return null;
        Environment.SetEnvironmentVariable(ReadyVariable, null);
        Libc.setsid();
        return new Background(fd);
    }

    /// <summary>In the parent: starts the child with the same command line and waits until it is ready or has failed.</summary>
    /// <returns>The parent's exit code.</returns>
    public static int Start(IEnumerable<string> args)
    {
        var fds = stackalloc int[2];
        if (Libc.pipe(fds) != 0)
            throw new ToolException("cannot make a pipe");
        var start = new ProcessStartInfo(CalledAs.ProgramPath()) { UseShellExecute = false };
        foreach (var arg in args)
            start.ArgumentList.Add(arg);
        start.Environment[ReadyVariable] = fds[1].ToString(CultureInfo.InvariantCulture);
        using var child = Process.Start(start) ?? throw new ToolException("cannot start in the background");
        Libc.close(fds[1]);
        byte ready;
        return Libc.read(fds[0], &ready, 1) == 1 ? 0 : 1;
    }

    /// <summary>
    /// In the child: all is open; lets the parent go, and lets go of the terminal and of the folder that it was started in.
    /// </summary>
    public void Ready()
    {
        var nowhere = Libc.open("/dev/null", OpenFlags.ReadWrite, 0);
        foreach (var fd in GivenStreams())
            Libc.dup2(nowhere, fd);
        Libc.close(nowhere);
        Directory.SetCurrentDirectory("/");
        byte ready = 1;
        _ = Libc.write(_readyFd, &ready, 1);
        Libc.close(_readyFd);
    }

    /// <summary>
    /// 0 to 2 and their duplicates: the runtime's console keeps one of its own, and whoever reads the other end of a pipe would
    /// wait as long as the daemon lives. One that the process was not given is something else's number, and stays.
    /// </summary>
    private static List<int> GivenStreams()
    {
        List<int> found = [.. Enumerable.Range(StandardStreams.Input, 3).Where(StandardStreams.IsGiven)];
        var open = Directory.GetFiles(
            "/proc/self/fd").ToDictionary(path =>
                int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture), path => new FileInfo(path).LinkTarget);
        var pipes = found.Select(
            fd =>
                open.GetValueOrDefault(fd)).Where(target =>
                    target?.StartsWith("pipe:", StringComparison.Ordinal) == true).ToHashSet();
        found.AddRange(open.Where(file => file.Key > 2 && pipes.Contains(file.Value)).Select(file => file.Key));
        return found;
    }
}
