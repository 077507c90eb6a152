// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.Vvfat.Folder;

/// <param name="Path">Below the folder.</param>
internal readonly record struct FilePlace(FileDescriptor Folder, string Path);
