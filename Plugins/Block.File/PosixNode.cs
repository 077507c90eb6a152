// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.File.Devices;
using BlockHost.Plugins.Block.File.Engines;
using BlockHost.Plugins.Block.File.Locking;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File;

/// <summary>What regular files and devices have in common: the data path, flush, locking, reopen.</summary>
internal abstract class PosixNode : BlockNode, IImageInfo, IDriverStatistics, IResizable, IReopenable, IInactivatable
{
    private readonly IBlockNodeContext _context;
    private readonly WorkerPool _workers;
    private readonly ImageLock? _lock;
    private DataPath _path;

    protected PosixNode(
        IBlockNodeContext context, FileOptions options, OpenedFile opened, WorkerPool workers, IDeviceLayer devices)
    {
        _context = context;
        Options = options;
        Devices = devices;
        _workers = workers;
        _lock = opened.Lock;
        _path = opened.Path;
        NoFlush = context.CacheNoFlush;
        Requests = opened.Requests;
        CurrentProfile = new BlockProfile { Length = 0 };
    }

    public sealed override BlockProfile Profile => CurrentProfile;

    public sealed override string FileName => Options.Filename;

    protected BlockProfile CurrentProfile { get; set; }

    protected FileOptions Options { get; }

    protected IDeviceLayer Devices { get; }

    /// <summary>Flushes may be left out.</summary>
    protected bool NoFlush { get; set; }

    protected bool IsWritable => _path.IsWritable;

    protected bool IsDirect => _path.IsDirect;

    protected DiscardCounters Discards { get; } = new();

    protected int Descriptor => _path.File.Value;

    protected FileDescriptor File => _path.File;

    internal FlushState Flushes => Requests.Flushes;

    private RequestPool Requests { get; }

    public JsonElement GetStatistics() => JsonSerializer.SerializeToElement(Discards.Current, FileJson.Default.DiscardStatistics);

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        if ((flags & ReadFlags.Prefetch) == 0)
            return _path.ReadAsync(offset, target);
        if (!_path.IsDirect)
            _ = Libc.posix_fadvise(Descriptor, offset, target.Length, Advice.WillNeed);
        return default;
    }

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        return _path.WriteAsync(offset, source, durable: (flags & WriteFlags.Fua) != 0 && !NoFlush);
    }

    public sealed override ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (NoFlush || Flushes.IsClean)
            return default;
        return cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled(cancellationToken)
            : RunAsync(FileOperation.Flush, static r => ((PosixNode)r.State!).Flush(r), this, 0, 0);
    }

    public sealed override ValueTask PreparePermissionsAsync(BlockPermissionSet permissions, CancellationToken cancellationToken)
    {
        _lock?.Prepare(permissions);
        return default;
    }

    public sealed override void CommitPermissions() => _lock?.Commit();

    public sealed override void AbortPermissions() => _lock?.Abort();

    /// <summary>Nothing of a file's content is known here.</summary>
    public ValueTask InactivateAsync(CancellationToken cancellationToken) => default;

    /// <summary>
    /// The file may be longer by now. Where it is another machine's as well, this one's page cache can be out of date.
    /// </summary>
    public ValueTask ActivateAsync(CancellationToken cancellationToken)
    {
        if (!_path.IsDirect && Options.DropCache != false)
            _ = Libc.posix_fadvise(Descriptor, 0, 0, Advice.DontNeed);
        Initialize();
        return default;
    }

    public virtual ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken) =>
        new(new ImageFacts { AllocatedSize = File.Status().Blocks * 512, Dirty = false });

    public virtual async ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        FileOpener.CheckUnchanged(Options, options);

        // What could not be written is told to the descriptor that wrote it: find out before that is closed.
        await FlushAsync(cancellationToken).ConfigureAwait(false);
        var path = new FileOpener(context, Options, _workers, Devices).Reopen(File, Requests);
        try
        {
            return new ReopenStep(this, path, context.CacheNoFlush, Describe(path, context));
        }
        catch
        {
            await path.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public abstract ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken);

    public override async ValueTask DisposeAsync()
    {
        await _path.DisposeAsync().ConfigureAwait(false);
        _lock?.Dispose();
    }

    /// <summary>The profile of the node on <paramref name="path"/>.</summary>
    protected abstract BlockProfile Describe(DataPath path, IBlockNodeContext context);

    /// <summary>Limits from the alignment that direct I/O asks for.</summary>
    protected static BlockLimits Limits(DataPath path) => new()
    {
        RequestAlignment = path.Alignment.Offset,
        MemoryAlignment = path.Alignment.Memory,
    };

    protected void Initialize() => CurrentProfile = Describe(_path, _context);

    /// <summary>An operation turned out to be missing: from now on the host does without.</summary>
    protected void Narrow(BlockProfile profile)
    {
        CurrentProfile = profile;
        _context.ProfileChanged();
    }

    /// <summary>Runs a change of the file on a worker thread. <see cref="FileRequest.State"/> is this node.</summary>
    protected ValueTask ChangeAsync(Func<FileRequest, int> work, long offset, long bytes, int argument = 0) =>
        RunAsync(FileOperation.Change, work, this, offset, bytes, argument);

    /// <summary>
    /// Runs something else that blocks on a worker thread. <see cref="FileRequest.State"/> is <paramref name="state"/>.
    /// </summary>
    protected ValueTask WorkAsync(Func<FileRequest, int> work, object state) =>
        RunAsync(FileOperation.Change, work, state, 0, 0);

    /// <summary>To be told when the file was changed without a request.</summary>
    protected void Changed() => Flushes.Written();

    private ValueTask RunAsync(
        FileOperation operation, Func<FileRequest, int> work, object state, long offset, long bytes, int argument = 0)
    {
        var request = Requests.Rent();
        request.Prepare(operation, work, state, Descriptor, offset, bytes, argument);
        var task = request.Task;
        _workers.Enqueue(request);
        return task;
    }

    private int Flush(FileRequest request) => Flushes.Flush(request.Descriptor, _path.IsDirect);

    private sealed class ReopenStep(PosixNode node, DataPath path, bool noFlush, BlockProfile profile) : IReopenStep
    {
        public void Commit()
        {
            var old = node._path;
            node._path = path;
            node.NoFlush = noFlush;
            node.CurrentProfile = profile;
            old.Retire();
        }

        public ValueTask AbortAsync() => path.DisposeAsync();
    }
}
