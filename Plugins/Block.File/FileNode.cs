// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.File.Devices;
using BlockHost.Plugins.Block.File.Engines;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File;

/// <summary>
/// A regular file. Its virtual size is the file's rounded up to whole sectors; what lies between the two reads as zeroes.
/// </summary>
internal sealed class FileNode : PosixNode
{
    private const int SectorSize = 512;

    private readonly Lock _growth = new();
    private readonly ExtentMap _extents = new();
    private bool _canZeroRange = true;
    private bool _canPunch = true;

    internal FileNode(
        IBlockNodeContext context, FileOptions options, OpenedFile opened, WorkerPool workers, IDeviceLayer devices)
        : base(context, options, opened, workers, devices) => Initialize();

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        var end = offset + source.Length;
        var task = base.WriteAsync(offset, source, flags, cancellationToken);
        return end <= CurrentProfile.Length ? task : GrowAfterAsync(task, end);
    }

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        var task = ChangeAsync(static r => ((FileNode)r.State!).Zero(r), offset, bytes, (int)flags);
        var end = offset + bytes;
        return end <= CurrentProfile.Length ? task : GrowAfterAsync(task, end);
    }

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        if (!_canPunch)
        {
            Discards.Add(LinuxError.ENOTSUP, bytes);
            return default;
        }

        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        return ChangeAsync(static r => ((FileNode)r.State!).Discard(r), offset, bytes);
    }

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        var length = CurrentProfile.Length;
        var (run, isData) = precision == StatusPrecision.WantZero
            ? _extents.Find(Descriptor, offset, length)
            : (length - offset, true);
        var alignment = CurrentProfile.Limits.RequestAlignment;
        run = Math.Min((run + alignment - 1) / alignment * alignment, bytes);
        var flags = BlockStatusFlags.OffsetValid | BlockStatusFlags.Allocated
            | (isData ? BlockStatusFlags.Data : BlockStatusFlags.Zero);
        if (offset + run >= length)
            flags |= BlockStatusFlags.Eof;
        return new(new BlockStatus(run, flags, offset));
    }

    public override async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        await Task.Run(
            () => FileResizer.Resize(File, length, options.Preallocation, cancellationToken),
            cancellationToken).ConfigureAwait(false);
        _extents.Forget();
        Changed();
        lock (_growth)
            CurrentProfile = CurrentProfile with { Length = RoundUp(length) };
    }

    protected override BlockProfile Describe(DataPath path, IBlockNodeContext context) => new()
    {
        Length = RoundUp(path.File.Status().Size),
        Limits = Limits(path),
        Writable = path.IsWritable,
        Growable = true,
        NewStorageReadsZero = true,
        Flush = Support.Native,
        Fua = Support.Native,
        WriteZeroes = Support.Native,
        WriteZeroesFlags = ZeroFlags.MayUnmap | ZeroFlags.NoFallback,
        Discard = context.DiscardUnmap ? Support.Native : Support.None,
        Status = Support.Native,
        Concurrency = Concurrency.Parallel,
    };

    private static long RoundUp(long size) =>
        size > long.MaxValue - SectorSize ? size : (size + SectorSize - 1) / SectorSize * SectorSize;

    private async ValueTask GrowAfterAsync(ValueTask write, long end)
    {
        await write.ConfigureAwait(false);
        lock (_growth)
        {
            if (end > CurrentProfile.Length)
                CurrentProfile = CurrentProfile with { Length = RoundUp(end) };
        }
    }

    /// <summary>
    /// <code>
    ///   may unmap     punch a hole                      else zero the range, else punch a hole and allocate it again
    /// </code>
    /// A hole keeps the file's size, so a range that ends beyond it is followed by an allocation of its last byte,
    /// which moves the end up and never back, whatever other writers do meanwhile.
    /// </summary>
    private int Zero(FileRequest r)
    {
        var flags = (ZeroFlags)r.WorkArgument;
        if ((flags & ZeroFlags.MayUnmap) != 0 && _canPunch && Punch(r) == 0)
            return ReachEnd(r);
        var errno = LinuxError.ENOTSUP;
        if (_canZeroRange)
        {
            errno = FileCalls.Fallocate(r.Descriptor, FallocateMode.ZeroRange, r.Offset, r.Remaining);
            _canZeroRange = !SystemError.IsUnsupported(errno);
        }

        if (SystemError.IsUnsupported(errno) && _canPunch && Punch(r) == 0)
            errno = FileCalls.Fallocate(r.Descriptor, FallocateMode.Allocate, r.Offset, r.Remaining);
        if (!SystemError.IsUnsupported(errno))
            return errno;
        Narrow(CurrentProfile with { WriteZeroes = Support.Emulate });
        return LinuxError.ENOTSUP;
    }

    private int Discard(FileRequest r)
    {
        var errno = Punch(r);
        Discards.Add(errno, r.Remaining);
        return SystemError.IsUnsupported(errno) ? 0 : errno;
    }

    private int Punch(FileRequest r)
    {
        var errno = FileCalls.Fallocate(r.Descriptor, FallocateMode.PunchHole | FallocateMode.KeepSize, r.Offset, r.Remaining);
        if (SystemError.IsUnsupported(errno))
            _canPunch = false;
        _extents.Forget();
        return errno;
    }

    private int ReachEnd(FileRequest r)
    {
        var end = r.Offset + r.Remaining;
        return File.Status().Size >= end ? 0 : FileCalls.Fallocate(r.Descriptor, FallocateMode.Allocate, end - 1, 1);
    }
}
