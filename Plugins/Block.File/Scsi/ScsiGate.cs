// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.File.Devices;
using BlockHost.Posix;
using BlockHost.Scsi;

namespace BlockHost.Plugins.Block.File.Scsi;

/// <summary>Makes calls of the SCSI commands that may reach a device.</summary>
internal sealed class ScsiGate(IDeviceLayer devices, DeviceOptions options)
{
    private readonly ScsiRules _rules = new(options.ScsiCommands, options.Filename);

    /// <exception cref="BlockException">The request makes no sense, or must not be passed.</exception>
    internal ScsiCall Prepare(ScsiRequest request, FileDescriptor file, bool isWritable)
    {
        _rules.Check(request, isWritable);
        if (DeviceRules.IsPartition(devices, devices.Status(file)))
        {
            throw new BlockException(
                BlockErrorKind.NotSupported, $"'{options.Filename}' is a partition: a SCSI command would reach all of its disk");
        }

        return new ScsiCall(devices, file, request, request.Timeout ?? ScsiRules.UsualTimeout);
    }
}
