// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Plugins.Block.File.Devices;
using BlockHost.Plugins.Block.File.Engines;
using BlockHost.Plugins.Block.File.Locking;
using BlockHost.Plugins.Block.File.Native;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File;

/// <summary>What a node is built from.</summary>
internal sealed record OpenedFile(DataPath Path, ImageLock? Lock, RequestPool Requests);

/// <summary>Opens a file the way its node's options ask for.</summary>
internal sealed class FileOpener(IBlockNodeContext context, FileOptions options, WorkerPool workers, IDeviceLayer devices)
{
    private bool _readOnly = context.ReadOnly;

    /// <summary>Opens a drive also without a medium, and once only: opened twice it does not let its medium go.</summary>
    internal bool IsDrive { get; init; }

    /// <param name="checkType">Throws where the file is not of the driver's kind.</param>
    internal OpenedFile Open(Action<FileStatus> checkType)
    {
        CheckOptions();

        // Opening a pipe would wait for its other end, so look before, and again at what was opened.
        if (devices.TryStatus(options.Filename) is { } before && before.Type != FileType.Directory)
            checkType(before);
        var file = OpenFile();
        LockDescriptor? locks = null;
        try
        {
            checkType(devices.Status(file));
            locks = OpenLocks(file);
            var requests = new RequestPool(new FlushState(FileCalls.DataSync));
            var path = CreatePath(file, requests);
            return new OpenedFile(path, locks is null ? null : new ImageLock(locks, options.Filename), requests);
        }
        catch
        {
            locks?.Dispose();
            file.Dispose();
            throw;
        }
    }

    /// <summary>A second data path to the file that is open, under the context's new flags.</summary>
    internal DataPath Reopen(FileDescriptor current, RequestPool requests)
    {
        var file = OpenAgain(current, out var errno) ?? throw OpenError(errno);
        try
        {
            return CreatePath(file, requests);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>A set of descriptors has one for each access that its manager allows.</summary>
    private FileDescriptor? OpenAgain(FileDescriptor current, out int errno)
    {
        var access = Libc.fcntl(current.Value, OpenFlags.GetStatusFlags, 0) & OpenFlags.AccessMask;
        return DescriptorSetName.IsNamed(options.Filename) && access != (Flags() & OpenFlags.AccessMask)
            ? TryOpen(out errno)
            : devices.TryOpenAgain(current, options.Filename, Flags(), out errno);
    }

    /// <exception cref="BlockException">A reopen asks for another value of an option that is fixed at open.</exception>
    internal static void CheckUnchanged(FileOptions current, JsonElement options)
    {
        var wanted = current is DeviceOptions
            ? options.Deserialize(FileJson.Default.DeviceOptions)!
            : options.Deserialize(FileJson.Default.FileOptions)!;
        var changed = current switch
        {
            _ when wanted.Filename != current.Filename => "filename",
            _ when wanted.PrManager != current.PrManager => "pr-manager",
            _ when wanted.Locking != current.Locking => "locking",
            _ when wanted.Aio != current.Aio => "aio",
            _ when wanted.AioMaxBatch != current.AioMaxBatch => "aio-max-batch",
            _ when !CommandsOf(wanted).SequenceEqual(CommandsOf(current)) => "x-blockhost-scsi-commands",
            _ when (wanted.DropCache ?? true) != (current.DropCache ?? true) => "drop-cache",
            _ => null,
        };
        if (changed is null)
            return;
        throw new BlockException(
            BlockErrorKind.InvalidArgument,
            options.TryGetProperty(
                changed,
                out _) ? $"Cannot change the option '{changed}'" : $"Option '{changed}' cannot be reset to its default value");
    }

    private static IReadOnlyList<byte> CommandsOf(FileOptions options) => (options as DeviceOptions)?.ScsiCommands ?? [];

    private void CheckOptions()
    {
        if (options.PrManager is { } id)
            throw new BlockException(BlockErrorKind.NotFound, $"No persistent reservation manager with id '{id}'");
        if (options.AioMaxBatch < 0)
            throw new BlockException(ParameterFault.OutOfRange("aio-max-batch", "a non-negative number"));
        if (options.Aio == BlockdevAioOptions.Native && !context.CacheDirect)
            throw new BlockException(
                BlockErrorKind.InvalidArgument,
                "aio=native was specified, but it requires cache.direct=on, which was not specified.");
    }

    private FileDescriptor OpenFile()
    {
        var file = TryOpen(out var errno);
        if (file is null && !_readOnly && context.AutoReadOnly && errno is Errno.EACCES or Errno.EROFS or Errno.EPERM)
        {
            context.FallBackToReadOnly(OpenError(errno).Message);
            _readOnly = true;
            file = TryOpen(out errno);
        }

        return file ?? throw OpenError(errno);
    }

    private FileDescriptor? TryOpen(out int errno) =>
        devices.TryOpen(context.Host.Descriptors, options.Filename, Flags(), out errno);

    private int Flags() =>
        (_readOnly ? OpenFlags.ReadOnly : OpenFlags.ReadWrite) | (context.CacheDirect ? OpenFlags.Direct : 0)
        | (IsDrive ? OpenFlags.NonBlocking : 0);

    private BlockException OpenError(int errno)
    {
        if (DescriptorSetName.IsNamed(options.Filename))
            return SystemError.Exception($"Could not dup FD for {options.Filename} flags {Flags():x}", errno);
        if (errno == Errno.EINVAL && context.CacheDirect)
            return new(
                BlockErrorKind.InvalidArgument,
                $"Could not open '{options.Filename}': filesystem does not support O_DIRECT",
                errno);
        return SystemError.Exception($"Could not open '{options.Filename}'", errno);
    }

    private LockDescriptor? OpenLocks(FileDescriptor file)
    {
        if (options.Locking == OnOffAuto.Off)
            return null;
        int errno;
        var locks = IsDrive
            ? LockDescriptor.TryShare(file, out errno)
            : LockDescriptor.TryOpen(file, options.Filename, out errno);
        var isMissing = SystemError.IsUnsupported(errno) || errno is Errno.EINVAL or LinuxError.ENOLCK;
        if (locks is null && (options.Locking == OnOffAuto.On || !isMissing))
            throw SystemError.Exception($"File lock requested for '{options.Filename}' but not available", errno);
        return locks;
    }

    private DataPath CreatePath(FileDescriptor file, RequestPool requests)
    {
        var alignment = context.CacheDirect ? DirectAlignment.Of(file) : DirectAlignment.None;
        IFileEngine engine = options.Aio switch
        {
            BlockdevAioOptions.Native => new LinuxAioEngine(workers),
            BlockdevAioOptions.IoUring => new IoUringEngine(workers),
            _ => new ThreadsEngine(workers),
        };
        return new DataPath(file, context.CacheDirect, alignment, engine, requests, context.Host.Clock)
        { IsWritable = !_readOnly };
    }
}
