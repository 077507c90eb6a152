// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins.Block.File.Engines;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Devices;

/// <summary>Common part of the drivers of the host's own drives.</summary>
internal abstract class DriveDriver(WorkerPool workers, IDeviceLayer devices, IDriveKind kind) : DeviceDriver(workers, devices)
{
    /// <summary>QEMU's has none to show.</summary>
    public override JsonTypeInfo? StatisticsType => null;

    protected override bool IsDrive => true;

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, DeviceOptions options, CancellationToken cancellationToken)
    {
        // Asking a drive can take it seconds.
        return await Task.Run(() => Open(context, options), cancellationToken).ConfigureAwait(false);
    }

    protected override void CheckCanBeCleared(FileDescriptor file, string path)
    {
        CheckKind(file, path);
        if (!kind.Ask(Devices, file).HasMedium)
            throw new BlockException(BlockErrorKind.Io, "No medium inserted", Errno.ENOMEDIUM);
    }

    private void CheckKind(FileDescriptor file, string path)
    {
        if (!kind.Recognizes(Devices, file))
            throw new BlockException(BlockErrorKind.InvalidArgument, $"'{path}' is no {kind.Noun}");
    }

    private async Task<BlockNode> Open(IBlockNodeContext context, DeviceOptions options)
    {
        var opened = OpenDevice(context, options);
        try
        {
            CheckKind(opened.Path.File, options.Filename);
            return new DriveNode(context, options, opened, Workers, Devices, kind);
        }
        catch
        {
            opened.Lock?.Dispose();
            await opened.Path.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}

/// <summary>The host's CD, DVD and Blu-ray drives.</summary>
internal sealed class HostCdromDriver(WorkerPool workers, IDeviceLayer devices)
    : DriveDriver(workers, devices, new CdromKind())
{
    public const string Name = "host_cdrom";

    public override string FormatName => Name;

    /// <summary>Whether a block device is such a drive: plain paths that lead to one mean this driver, as with QEMU.</summary>
    internal static bool Claims(IDeviceLayer devices, string path)
    {
        using var file = devices.TryOpen(null, path, OpenFlags.ReadOnly | OpenFlags.NonBlocking, out _);
        return file is not null && new CdromKind().Recognizes(devices, file);
    }
}

/// <summary>The host's floppy drives.</summary>
internal sealed class HostFloppyDriver(WorkerPool workers, IDeviceLayer devices)
    : DriveDriver(workers, devices, new FloppyKind())
{
    public override string FormatName => "host_floppy";
}
