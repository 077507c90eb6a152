// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Core.Block.Opening;

/// <summary>The driver that stores what a plain path leads to: "host_device" for devices and links to them, "file" for all else.</summary>
public static partial class StorageDriver
{
    private const int CurrentFolder = -100;
    private const uint WantsType = 1;
    private const int TypeMask = 0xF000;
    private const int CharacterDevice = 0x2000;
    private const int BlockDevice = 0x6000;

    public static string Of(string path) =>
        !path.Contains('\0') && Type(path) is BlockDevice or CharacterDevice ? "host_device" : "file";

    /// <returns>The kind of file, of which the class library tells no devices apart; 0: there is none.</returns>
    private static unsafe int Type(string path)
    {
        Status status;
        return Statx(CurrentFolder, path, 0, WantsType, &status) < 0 ? 0 : status.Mode & TypeMask;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Statx(int folder, string path, int flags, uint mask, Status* status);

    /// <summary>struct statx, which is the same on every processor.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Status
    {
        [FieldOffset(28)]
        public ushort Mode;
    }
}
