// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Posix;

/// <summary>termios(3). A struct termios is read and written as a whole: its layout is the library's own.</summary>
public static unsafe partial class Libc
{
    [LibraryImport(Library)]
    public static partial int tcgetattr(int fd, byte* settings);

    [LibraryImport(Library)]
    public static partial int tcsetattr(int fd, int when, byte* settings);

    [LibraryImport(Library)]
    public static partial void cfmakeraw(byte* settings);

    [LibraryImport(Library)]
    public static partial int tcsendbreak(int fd, int duration);
}
