// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Core.Processes;

/// <summary>
/// Which of the descriptors 0, 1 and 2 the program was given. One that was closed is free for the next file that is opened,
/// so that the runtime's pipes come to lie there, or an image, and a message would be written into it.
/// <code>
///   as it was given            kept on exec          a standard stream
///   opened by this program     closed on exec        none: never read, written or replaced
///   not open                                         gets /dev/null before anything else takes its number
/// </code>
/// </summary>
public static class StandardStreams
{
    public const int Input = 0;
    public const int Output = 1;
    public const int Error = 2;

    private const int GetFlags = 1;
    private const int CloseOnExec = 1;

    /// <summary>To be called before the program opens anything.</summary>
    public static void Claim()
    {
        for (var fd = Input; fd <= Error; fd++)
        {
            if (Libc.fcntl(fd, GetFlags, 0) >= 0)
                continue;
            var opened = Libc.open("/dev/null", OpenFlags.ReadWrite, 0);
            if (opened > Error)
                _ = Libc.close(opened);
        }
    }

    /// <summary>The descriptor leads where the program that started this one said.</summary>
    public static bool IsGiven(int fd) => Libc.fcntl(fd, GetFlags, 0) is >= 0 and var flags && (flags & CloseOnExec) == 0;

    /// <summary>Standard input, at its end where there is none.</summary>
    public static Stream OpenInput() => IsGiven(Input) ? Console.OpenStandardInput() : Stream.Null;

    /// <summary>Standard output; what is written is lost where there is none.</summary>
    public static Stream OpenOutput() => IsGiven(Output) ? Console.OpenStandardOutput() : Stream.Null;
}
