// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Core.Block.Opening;

/// <summary>The driver that stores what a plain path leads to: "host_device" for devices and links to them, "file" for all else.</summary>
public static class StorageDriver
{
    public static string Of(string path) =>
        FileDescriptor.TryStatus(path) is { Type: FileType.BlockDevice or FileType.CharacterDevice } ? "host_device" : "file";
}
