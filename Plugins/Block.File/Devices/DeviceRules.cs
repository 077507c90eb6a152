// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Devices;

/// <summary>
/// What sets a block device apart from a file.
/// <code>
///   /sys/dev/block/8:0 ─► …/sda         queue/zoned
///   /sys/dev/block/8:1 ─► …/sda/sda1    partition, start; what concerns the disk is one folder up
/// </code>
/// </summary>
internal static class DeviceRules
{
    /// <summary>Zones that are written from their start on cannot be a disk's: a write may go anywhere.</summary>
    /// <exception cref="BlockException">The device has such zones.</exception>
    internal static void CheckZones(IDeviceLayer devices, in FileStatus device, string path)
    {
        var model = devices.Attribute(device, "queue/zoned") ?? devices.Attribute(device, "../queue/zoned");
        if (model == "host-managed")
        {
            throw new BlockException(
                BlockErrorKind.NotSupported,
                $"'{path}' is a zoned device ({model}), which takes writes in order only: zoned devices are not supported");
        }
    }

    internal static bool IsPartition(IDeviceLayer devices, in FileStatus device) =>
        devices.Attribute(device, "partition") is not null;
}
