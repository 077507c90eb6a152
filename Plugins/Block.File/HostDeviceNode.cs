// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.File.Devices;
using BlockHost.Plugins.Block.File.Engines;
using BlockHost.Plugins.Block.File.Scsi;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File;

/// <summary>A block or character device. Its size is the device's; discards and zeroes are ioctls.</summary>
internal class HostDeviceNode : PosixNode, IScsiDevice
{
    private readonly Lock _size = new();
    private readonly ScsiGate _scsi;
    private bool _canDiscard = true;

    internal HostDeviceNode(
        IBlockNodeContext context, DeviceOptions options, OpenedFile opened, WorkerPool workers, IDeviceLayer devices)
        : base(context, options, opened, workers, devices)
    {
        _scsi = new ScsiGate(devices, options);
        Initialize();
    }

    /// <summary>Shows the device's size as it is now: it may have changed since it was asked for last.</summary>
    public override ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken)
    {
        TakeLength(DescribeLength(File));
        return base.GetFactsAsync(cancellationToken);
    }

    public async ValueTask<ScsiReply> SendAsync(ScsiRequest request, CancellationToken cancellationToken)
    {
        var call = _scsi.Prepare(request, File, IsWritable);
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            await WorkAsync(static r => ((ScsiCall)r.State!).Run(), call).ConfigureAwait(false);
        }
        catch (BlockException e) when (e.Errno is LinuxError.ENOTTY or Errno.EINVAL)
        {
            throw new BlockException(BlockErrorKind.NotSupported, $"'{FileName}' takes no SCSI commands", innerException: e);
        }

        return call.Reply();
    }

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled(cancellationToken)
            : ChangeAsync(static r => ((HostDeviceNode)r.State!).Zero(r), offset, bytes, (int)flags);

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        if (!_canDiscard)
        {
            Discards.Add(LinuxError.ENOTSUP, bytes);
            return default;
        }

        return cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled(cancellationToken)
            : ChangeAsync(static r => ((HostDeviceNode)r.State!).Discard(r), offset, bytes);
    }

    public override ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        if (options.Preallocation != PreallocationMode.Off)
            throw new BlockException(
                BlockErrorKind.NotSupported,
                $"Preallocation mode '{FileResizer.QapiName(options.Preallocation)}' unsupported for this non-regular file");
        var current = DescribeLength(File);
        TakeLength(current);
        if (!options.MayExceed && length != current)
            throw new BlockException(BlockErrorKind.NotSupported, "Cannot resize device files");
        if (length > current)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Cannot grow device files");
        return default;
    }

    protected override BlockProfile Describe(DataPath path, IBlockNodeContext context)
    {
        var isBlockDevice = Devices.Status(path.File).Type == FileType.BlockDevice;
        return new BlockProfile
        {
            Length = DescribeLength(path.File),
            Limits = Limits(path),
            Writable = path.IsWritable,
            Flush = Support.Native,
            Fua = Support.Native,
            WriteZeroes = isBlockDevice ? Support.Native : Support.Emulate,
            WriteZeroesFlags = ZeroFlags.MayUnmap | ZeroFlags.NoFallback,
            Discard = context.DiscardUnmap && isBlockDevice ? Support.Native : Support.None,
            Status = Support.Emulate,
            Concurrency = Concurrency.Parallel,
        };
    }

    protected virtual long DescribeLength(FileDescriptor file) => Devices.Size(file);

    /// <summary>The device is of another length than it was: everybody above is told.</summary>
    protected void TakeLength(long length)
    {
        lock (_size)
        {
            if (length != CurrentProfile.Length)
                Narrow(CurrentProfile with { Length = length });
        }
    }

    /// <summary>
    /// Punching a hole lets the device unmap as long as it reads zeroes then, and fails where it would have to write
    /// them; BLKZEROOUT writes them if need be, and so cannot be asked for a cheap answer only.
    /// </summary>
    private int Zero(FileRequest r)
    {
        var flags = (ZeroFlags)r.WorkArgument;
        if ((flags & ZeroFlags.MayUnmap) != 0)
        {
            const FallocateMode Punch = FallocateMode.PunchHole | FallocateMode.KeepSize;
            var errno = FileCalls.Fallocate(r.Descriptor, Punch, r.Offset, r.Remaining);
            if (!IsRefusal(errno))
                return errno;
        }

        if ((flags & ZeroFlags.NoFallback) != 0)
            return LinuxError.ENOTSUP;
        var result = FileCalls.DeviceRange(r.Descriptor, BlockDeviceControl.ZeroOut, r.Offset, r.Remaining);
        return IsRefusal(result) ? LinuxError.ENOTSUP : result;
    }

    private int Discard(FileRequest r)
    {
        var errno = FileCalls.DeviceRange(r.Descriptor, BlockDeviceControl.Discard, r.Offset, r.Remaining);
        Discards.Add(errno, r.Remaining);
        if (SystemError.IsUnsupported(errno))
            _canDiscard = false;
        return IsRefusal(errno) ? 0 : errno;
    }

    /// <summary>The device cannot, or not for this range (EINVAL: not whole logical blocks).</summary>
    private static bool IsRefusal(int errno) => SystemError.IsUnsupported(errno) || errno == Errno.EINVAL;
}
