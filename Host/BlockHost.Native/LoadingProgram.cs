// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Posix;

namespace BlockHost.Composition;

/// <summary>
/// The program that loads plugins, where one is installed beside this one. It takes over when a plugin is needed that is
/// not linked in here, so that a tool starts fast and still knows every plugin.
/// </summary>
internal static class LoadingProgram
{
    private static readonly string Path = System.IO.Path.Combine(AppContext.BaseDirectory, "blockhost");

    public static bool IsInstalled => File.Exists(Path);

    /// <summary>Becomes that program, called as this one was. Only while nothing is open and nothing has been changed.</summary>
    /// <exception cref="ToolException">It cannot be started.</exception>
    public static unsafe void Become()
    {
        var commandLine = File.ReadAllBytes("/proc/self/cmdline");
        var arguments = new nint[commandLine.Count(value => value == 0) + 1];
        fixed (byte* text = commandLine)
        fixed (nint* argv = arguments)
        {
            var at = 0;
            for (var i = 0; i < arguments.Length - 1; i++)
            {
                argv[i] = (nint)(text + at);
                at += commandLine.AsSpan(at).IndexOf((byte)0) + 1;
            }

            Libc.execv(Path, argv);
        }

        throw new ToolException($"cannot start {Path}: {SystemError.Text(SystemError.Last)}");
    }
}
