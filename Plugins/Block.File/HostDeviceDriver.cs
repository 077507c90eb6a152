// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.File.Devices;
using BlockHost.Plugins.Block.File.Engines;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File;

/// <summary>Common part of the drivers of devices, which are not made and of which only the first sector is cleared.</summary>
internal abstract class DeviceDriver(WorkerPool workers, IDeviceLayer devices) : PosixDriver<DeviceOptions>(workers, devices)
{
    public override IReadOnlyList<CreateOption> CreateOptions { get; } =
    [
        new("size", CreateOptionKind.Size, "Virtual disk size", "size"),
        new("preallocation", CreateOptionKind.String, "Preallocation mode (allowed values: off)", "preallocation"),
    ];

    protected sealed override JsonTypeInfo<DeviceOptions> TypedOptionsType => FileJson.Default.DeviceOptions;

    protected OpenedFile OpenDevice(IBlockNodeContext context, DeviceOptions options) =>
        Open(context, options, status => Check(status, options.Filename));

    protected override void Create(
        IPassedDescriptors passed, FileCreateOptions options, CancellationToken cancellationToken) =>
        DeviceClearing.Clear(passed, Devices, options, FormatName, file => CheckCanBeCleared(file, options.Filename));

    /// <exception cref="BlockException">There is nothing to clear.</exception>
    protected virtual void CheckCanBeCleared(FileDescriptor file, string path)
    {
    }

    private void Check(FileStatus status, string path)
    {
        if (status.Type is not (FileType.BlockDevice or FileType.CharacterDevice))
            throw new BlockException(BlockErrorKind.InvalidArgument, Requirement(FormatName, path));
        DeviceRules.CheckZones(Devices, status, path);
    }

    internal static string Requirement(string driver, string path) =>
        $"'{driver}' driver requires '{path}' to be either a character or block device";
}

/// <summary>Block and character devices.</summary>
internal sealed class HostDeviceDriver(WorkerPool workers, IDeviceLayer devices) : DeviceDriver(workers, devices)
{
    public const string Name = "host_device";

    public override string FormatName => Name;

    protected override ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, DeviceOptions options, CancellationToken cancellationToken) =>
        new(new HostDeviceNode(context, options, OpenDevice(context, options), Workers, Devices));
}
