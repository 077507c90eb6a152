// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.File.Devices;
using BlockHost.Plugins.Block.File.Engines;
using BlockHost.Posix;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.File;

/// <summary>Common part of the drivers of files and devices, which differ in the kind of file they take.</summary>
internal abstract class PosixDriver<TOptions>(WorkerPool workers, IDeviceLayer devices) : BlockDriver<TOptions>, IImageCreator
    where TOptions : FileOptions
{
    public sealed override BlockDriverKind Kind => BlockDriverKind.Protocol;

    public override IReadOnlyList<string> FileNamePrefixes => [FormatName];

    public sealed override IReadOnlyList<string> StrongOptions => ["filename"];

    public override JsonTypeInfo? StatisticsType => FileJson.Default.DiscardStatistics;

    public JsonTypeInfo CreateOptionsType => FileJson.Default.FileCreateOptions;

    public abstract IReadOnlyList<CreateOption> CreateOptions { get; }

    protected WorkerPool Workers { get; } = workers;

    protected IDeviceLayer Devices { get; } = devices;

    /// <summary>Opens also without a medium.</summary>
    protected virtual bool IsDrive => false;

    /// <param name="checkType">Throws where the file is not of the driver's kind.</param>
    protected OpenedFile Open(IBlockNodeContext context, FileOptions options, Action<FileStatus> checkType)
    {
        if (options.Filename.Length == 0)
            throw new BlockException(BlockErrorKind.InvalidArgument, $"The '{FormatName}' block driver requires a file name");
        return new FileOpener(context, options, Workers, Devices) { IsDrive = IsDrive }.Open(checkType);
    }

    public sealed override bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options)
    {
        var prefix = FormatName + ":";
        var path = fileName.StartsWith(prefix, StringComparison.Ordinal) ? fileName[prefix.Length..] : fileName;
        // A colon in a plain name would be read as another protocol's the next time.
        if (ImageFileName.HasProtocol(path))
            path = "./" + path;
        options = NamedFile(path);
        return true;
    }

    public async ValueTask CreateAsync(IImageCreateContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var typed = options.Deserialize(FileJson.Default.FileCreateOptions)!;
        if (typed.Size < 0)
            throw SystemError.Exception("Could not resize file", Errno.EINVAL);
        await Task.Run(() => Create(context.Host.Descriptors, typed, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    private static JsonElement NamedFile(string path) => QmpJson.WriteObject(writer => writer.WriteString("filename", path));

    protected abstract void Create(
        IPassedDescriptors passed, FileCreateOptions options, CancellationToken cancellationToken);
}

/// <summary>Regular files.</summary>
internal sealed class FileDriver(WorkerPool workers, IDeviceLayer devices)
    : PosixDriver<FileOptions>(workers, devices), IFileStore, IPathStore
{
    public override string FormatName => "file";

    public override IReadOnlyList<string> FileNamePrefixes => ["", FormatName];

    public override IReadOnlyList<CreateOption> CreateOptions { get; } =
    [
        new("size", CreateOptionKind.Size, "Virtual disk size", "size"),
        new("nocow", CreateOptionKind.Bool, "Turn off copy-on-write (valid only on btrfs)", "nocow"),
        new("preallocation", CreateOptionKind.String, "Preallocation mode (allowed values: off, falloc, full)", "preallocation"),
        new("extent_size_hint", CreateOptionKind.Size, "Extent size hint for the image file, 0 to disable", "extent-size-hint"),
    ];

    protected override JsonTypeInfo<FileOptions> TypedOptionsType => FileJson.Default.FileOptions;

    protected override ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, FileOptions options, CancellationToken cancellationToken)
    {
        var opened = Open(context, options, status => CheckRegular(status, options.Filename));
        return new(new FileNode(context, options, opened, Workers, Devices));
    }

    protected override void Create(
        IPassedDescriptors passed, FileCreateOptions options, CancellationToken cancellationToken) =>
        FileCreator.Create(passed, options, cancellationToken);

    public ValueTask<bool> ExistsAsync(JsonElement options, CancellationToken cancellationToken) =>
        new(IsPassed(options) || (TargetOf(options) is { } target && System.IO.File.Exists(target)));

    public ValueTask DeleteAsync(JsonElement options, CancellationToken cancellationToken)
    {
        if (!IsPassed(options) && TargetOf(options) is { } target)
            System.IO.File.Delete(target);
        return ValueTask.CompletedTask;
    }

    public string DriverOf(string path) => Devices.TryStatus(path)?.Type switch
    {
        FileType.BlockDevice when HostCdromDriver.Claims(Devices, path) => HostCdromDriver.Name,
        FileType.BlockDevice or FileType.CharacterDevice => HostDeviceDriver.Name,
        _ => FormatName,
    };

    private static bool IsPassed(JsonElement options) =>
        DescriptorSetName.IsNamed(options.GetProperty("filename").GetString()!);

    /// <summary>The file that a link leads to, which need not be there yet; null: no file can have such a name.</summary>
    private static string? TargetOf(JsonElement options)
    {
        var path = options.GetProperty("filename").GetString()!;
        if (path.Length == 0 || path.Contains('\0'))
            return null;
        var file = new FileInfo(path);
        return file.LinkTarget is null
            ? file.FullName
            : file.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? file.FullName;
    }

    private static void CheckRegular(FileStatus status, string path)
    {
        if (status.Type != FileType.Regular)
            throw new BlockException(BlockErrorKind.InvalidArgument, $"'file' driver requires '{path}' to be a regular file");
    }
}
