// SPDX-License-Identifier: MIT
using System.Globalization;

namespace BlockHost.Posix;

/// <summary>Terminals and pseudo terminals: termios(3) and pty(7).</summary>
public static unsafe class Terminal
{
    /// <summary>More than any system's struct termios.</summary>
    private const int SettingsLength = 256;

    /// <summary>TIOCSPTLCK and TIOCGPTN of Linux.</summary>
    private const nuint SetLock = 0x40045431;
    private const nuint GetNumber = 0x80045430;

    /// <summary>No echo, no lines, no special characters. Nothing happens to what is no terminal.</summary>
    public static void MakeRaw(int descriptor)
    {
        var settings = stackalloc byte[SettingsLength];
        if (Libc.tcgetattr(descriptor, settings) != 0)
            return;
        Libc.cfmakeraw(settings);
        _ = Libc.tcsetattr(descriptor, 0, settings);
    }

    public static void SendBreak(int descriptor) => _ = Libc.tcsendbreak(descriptor, 1);

    /// <summary>Lets others open the other end of a pseudo terminal.</summary>
    /// <returns>The path of the other end; null: it cannot be had.</returns>
    public static string? Unlock(int descriptor)
    {
        int locked = 0, number;
        return Libc.ioctl(descriptor, SetLock, &locked) == 0 && Libc.ioctl(descriptor, GetNumber, &number) == 0
            ? string.Create(CultureInfo.InvariantCulture, $"/dev/pts/{number}")
            : null;
    }
}
