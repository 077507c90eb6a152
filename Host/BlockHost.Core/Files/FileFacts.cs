// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Core.Files;

/// <summary>Who owns a file, and what it is: the class library tells neither.</summary>
/// <param name="Mode">Kind and permissions, as C's st_mode.</param>
public readonly record struct FileFacts(uint Owner, uint Group, ushort Mode)
{
    /// <summary>The user that this process acts as.</summary>
    public static uint CurrentUser => Libc.geteuid();

    public bool IsLink => (Mode & FileType.Mask) == FileType.Link;

    public bool IsFolder => (Mode & FileType.Mask) == FileType.Directory;

    /// <summary>Of a folder: only who owns a file in it can replace that file.</summary>
    public bool IsSticky => (Mode & (int)UnixFileMode.StickyBit) != 0;

    public bool GroupCanWrite => (Mode & (int)UnixFileMode.GroupWrite) != 0;

    public bool OthersCanWrite => (Mode & (int)UnixFileMode.OtherWrite) != 0;

    /// <summary>The permissions as chmod takes them: "0755".</summary>
    public string Permissions => "0" + Convert.ToString(Mode & 0x1ff, 8).PadLeft(3, '0');

    /// <summary>Null: there is nothing, or nothing that this user may see.</summary>
    /// <param name="followLink">Of what a symbolic link points to, not of the link.</param>
    public static FileFacts? Of(string path, bool followLink) =>
        FileDescriptor.TryStatus(path, followLink) is { } status ? new FileFacts(status.Owner, status.Group, status.Mode) : null;
}
