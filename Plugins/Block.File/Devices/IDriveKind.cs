// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Devices;

/// <summary>What a drive said when it was asked.</summary>
/// <param name="IsTrayOpen">Null: it has no tray, or does not say.</param>
/// <param name="HasChanged">The medium has been out since the drive was asked last.</param>
internal readonly record struct DriveReport(bool HasMedium, bool? IsTrayOpen, bool HasChanged);

/// <summary>One kind of drives with removable media, as the kernel lets it be worked. Calls block.</summary>
internal interface IDriveKind
{
    /// <summary>What messages call it.</summary>
    string Noun { get; }

    bool Recognizes(IDeviceLayer devices, FileDescriptor file);

    DriveReport Ask(IDeviceLayer devices, FileDescriptor file);

    /// <summary>Returns an errno, 0 when done.</summary>
    int MoveTray(IDeviceLayer devices, FileDescriptor file, bool open);

    /// <summary>Returns an errno, 0 when done.</summary>
    int Lock(IDeviceLayer devices, FileDescriptor file, bool locked);
}
