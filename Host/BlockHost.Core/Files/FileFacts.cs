// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Core.Files;

/// <summary>Who owns a file, and what it is: the class library tells neither.</summary>
/// <param name="Mode">Kind and permissions, as C's st_mode.</param>
public readonly partial record struct FileFacts(uint Owner, uint Group, ushort Mode)
{
    private const int CurrentFolder = -100;
    private const int NoFollow = 0x100;
    private const uint BasicFacts = 0x7ff;
    private const int KindMask = 0xf000;
    private const int LinkKind = 0xa000;
    private const int FolderKind = 0x4000;

    /// <summary>The user that this process acts as.</summary>
    public static uint CurrentUser => GetEffectiveUser();

    public bool IsLink => (Mode & KindMask) == LinkKind;

    public bool IsFolder => (Mode & KindMask) == FolderKind;

    /// <summary>Of a folder: only who owns a file in it can replace that file.</summary>
    public bool IsSticky => (Mode & (int)UnixFileMode.StickyBit) != 0;

    public bool GroupCanWrite => (Mode & (int)UnixFileMode.GroupWrite) != 0;

    public bool OthersCanWrite => (Mode & (int)UnixFileMode.OtherWrite) != 0;

    /// <summary>The permissions as chmod takes them: "0755".</summary>
    public string Permissions => "0" + Convert.ToString(Mode & 0x1ff, 8).PadLeft(3, '0');

    /// <summary>Null: there is nothing, or nothing that this user may see.</summary>
    /// <param name="followLink">Of what a symbolic link points to, not of the link.</param>
    public static unsafe FileFacts? Of(string path, bool followLink)
    {
        ExtendedStatus status;
        return GetStatus(CurrentFolder, path, followLink ? 0 : NoFollow, BasicFacts, &status) == 0
            ? new FileFacts(status.Owner, status.Group, status.Mode)
            : null;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int GetStatus(int folder, string path, int flags, uint mask, ExtendedStatus* status);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUser();

    /// <summary>The start of struct statx, whose layout is the same on every processor.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct ExtendedStatus
    {
        [FieldOffset(20)]
        public uint Owner;

        [FieldOffset(24)]
        public uint Group;

        [FieldOffset(28)]
        public ushort Mode;
    }
}
