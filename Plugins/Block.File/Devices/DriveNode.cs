// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.File.Engines;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Devices;

/// <summary>
/// A drive whose medium comes and goes. Nothing here polls: the drive is asked when somebody looks (a query, a guest that
/// polls its own drive) and when a request has failed.
/// <code>
///   empty ──medium goes in──► loaded          length 0 ──► the medium's
///     ▲                        │  │
///     └───────goes out─────────┘  └─ changed ─► loaded with another: its number (generation) is one higher
/// </code>
/// </summary>
internal sealed class DriveNode : HostDeviceNode, IRemovableMedium
{
    private readonly Lock _asking = new();
    private readonly IDriveKind _kind;
    private volatile MediumState _state = new() { HasMedium = false, Generation = 0 };

    internal DriveNode(
        IBlockNodeContext context, DeviceOptions options, OpenedFile opened, WorkerPool workers, IDeviceLayer devices,
        IDriveKind kind)
        : base(context, options, opened, workers, devices)
    {
        _kind = kind;
        var report = kind.Ask(devices, File);
        _state = new() { HasMedium = report.HasMedium, IsTrayOpen = report.IsTrayOpen, Generation = 1 };
        CurrentProfile = CurrentProfile with { Length = LengthOf(report.HasMedium) };
    }

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        var request = base.ReadAsync(offset, target, flags, cancellationToken);
        return request.IsCompletedSuccessfully ? request : ExplainAsync(request);
    }

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        var request = base.WriteAsync(offset, source, flags, cancellationToken);
        return request.IsCompletedSuccessfully ? request : ExplainAsync(request);
    }

    /// <summary>QEMU shows no statistics of a drive.</summary>
    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = typeof(T) == typeof(IDriverStatistics) ? null : this as T;
        return facet is not null;
    }

    public async ValueTask<MediumState> LookAsync(CancellationToken cancellationToken)
    {
        await ChangeAsync(static r => ((DriveNode)r.State!).Look(), 0, 0).ConfigureAwait(false);
        return _state;
    }

    public async ValueTask MoveTrayAsync(bool open, CancellationToken cancellationToken)
    {
        if (open && _state.IsLocked)
            throw new BlockException(BlockErrorKind.Busy, $"The tray of '{FileName}' is locked");
        await ControlAsync(
            open ? "open" : "close",
            static r => ((DriveNode)r.State!).MoveTray(r.WorkArgument != 0), open ? 1 : 0).ConfigureAwait(false);
    }

    public ValueTask LockAsync(bool locked, CancellationToken cancellationToken) =>
        ControlAsync("lock", static r => ((DriveNode)r.State!).SetLock(r.WorkArgument != 0), locked ? 1 : 0);

    public override async ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken)
    {
        await LookAsync(cancellationToken).ConfigureAwait(false);
        return await base.GetFactsAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Another description would keep the medium in the drive, so that nothing can be changed that takes one.
    /// </summary>
    public override async ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        FileOpener.CheckUnchanged(Options, options);
        if (context.ReadOnly == IsWritable)
            throw Fixed("read-only");
        if (context.CacheDirect != IsDirect)
            throw Fixed("cache.direct");
        await FlushAsync(cancellationToken).ConfigureAwait(false);
        return new SameDescriptor(this, context.CacheNoFlush);
    }

    /// <summary>A tray that this node has locked opens again.</summary>
    public override async ValueTask DisposeAsync()
    {
        try
        {
            if (_state.IsLocked)
                await LockAsync(false, default).ConfigureAwait(false);
        }
        finally
        {
            await base.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The medium's length is asked for where the drive is.</summary>
    protected override long DescribeLength(FileDescriptor file) => CurrentProfile.Length;

    private async ValueTask ExplainAsync(ValueTask request)
    {
        var before = _state.Generation;
        try
        {
            await request.ConfigureAwait(false);
        }
        catch (BlockException e) when (e.Errno is Errno.EIO or Errno.ENXIO or Errno.ENOMEDIUM or Errno.ENOSPC)
        {
            var now = await LookAsync(default).ConfigureAwait(false);
            if (!now.HasMedium)
                throw new BlockException(BlockErrorKind.Io, "No medium found", Errno.ENOMEDIUM, e) { Offset = e.Offset };
            if (now.Generation != before)
            {
                throw new BlockException(
                    BlockErrorKind.Io, "The medium was changed while it was in use", Errno.EIO, e)
                { Offset = e.Offset };
            }

            throw;
        }
    }

    private async ValueTask ControlAsync(string what, Func<FileRequest, int> work, int argument)
    {
        try
        {
            await ChangeAsync(work, 0, 0, argument).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            throw new BlockException(e.Kind, $"Could not {what} the tray of '{FileName}': {e.Message}", e.Errno, e);
        }
    }

    private int Look()
    {
        lock (_asking)
        {
            var report = _kind.Ask(Devices, File);
            var isNew = report.HasMedium && (report.HasChanged || !_state.HasMedium);
            if (isNew)
                LetTheKernelLook();
            _state = _state with
            {
                HasMedium = report.HasMedium,
                IsTrayOpen = report.IsTrayOpen,
                Generation = _state.Generation + (isNew ? 1 : 0),
            };
            TakeLength(LengthOf(report.HasMedium));
        }

        return 0;
    }

    /// <summary>
    /// The kernel takes note of a new medium when the drive is opened: until then what it has cached is the old one's, and
    /// what it has not fails.
    /// </summary>
    private void LetTheKernelLook()
    {
        const int Flags = OpenFlags.ReadOnly | OpenFlags.NonBlocking;
        Devices.TryOpenAgain(File, Options.Filename, Flags, out _)?.Dispose();
    }

    private int MoveTray(bool open)
    {
        var errno = _kind.MoveTray(Devices, File, open);
        if (errno == 0)
            Look();
        return errno;
    }

    private int SetLock(bool locked)
    {
        var errno = _kind.Lock(Devices, File, locked);
        if (SystemError.IsUnsupported(errno))
            return 0;
        if (errno == 0)
        {
            lock (_asking)
                _state = _state with { IsLocked = locked };
        }

        return errno;
    }

    private long LengthOf(bool hasMedium)
    {
        try
        {
            return hasMedium ? Devices.Size(File) : 0;
        }
        catch (BlockException)
        {
            // It went out in this moment.
            return 0;
        }
    }

    private static BlockException Fixed(string option) =>
        new(BlockErrorKind.InvalidArgument, $"Cannot change the option '{option}' of a drive");

    private sealed class SameDescriptor(DriveNode node, bool noFlush) : IReopenStep
    {
        public void Commit() => node.NoFlush = noFlush;

        public ValueTask AbortAsync() => default;
    }
}
