// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

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
public static partial class StandardStreams
{
    public const int Input = 0;
    public const int Output = 1;
    public const int Error = 2;

    private const string Library = "libc";
    private const int GetFlags = 1;
    private const int CloseOnExec = 1;
    private const int ReadWrite = 2;

    /// <summary>To be called before the program opens anything.</summary>
    public static void Claim()
    {
        for (var fd = Input; fd <= Error; fd++)
        {
            if (Control(fd, GetFlags) >= 0)
                continue;
            var opened = Open("/dev/null", ReadWrite);
            if (opened > Error)
                _ = Close(opened);
        }
    }

    /// <summary>The descriptor leads where the program that started this one said.</summary>
    public static bool IsGiven(int fd) => Control(fd, GetFlags) is >= 0 and var flags && (flags & CloseOnExec) == 0;

    /// <summary>Standard input, at its end where there is none.</summary>
    public static Stream OpenInput() => IsGiven(Input) ? Console.OpenStandardInput() : Stream.Null;

    /// <summary>Standard output; what is written is lost where there is none.</summary>
    public static Stream OpenOutput() => IsGiven(Output) ? Console.OpenStandardOutput() : Stream.Null;

    [LibraryImport(Library, EntryPoint = "fcntl")]
    private static partial int Control(int fd, int command);

    [LibraryImport(Library, EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport(Library, EntryPoint = "close")]
    private static partial int Close(int fd);
}
