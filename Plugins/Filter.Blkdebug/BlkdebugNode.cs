// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Filter.Blkdebug.Rules;

namespace BlockHost.Plugins.Filter.Blkdebug;

/// <summary>
/// Events come from the drivers above and from the host, requests after them: the rules that an event has armed say which of
/// the requests fail. Where no rule is armed a request is the image's own task.
/// </summary>
internal sealed class BlkdebugNode : BlockFilterNode, IBlockEventTarget, IResizable, IReopenable
{
    private readonly BlkdebugOptions _options;
    private readonly BlkdebugLimits _limits;
    private readonly RuleEngine _rules;
    private readonly Breakpoints _breakpoints = new();
    private long _changes;
    private long _flushed;

    internal BlkdebugNode(IBlockChild child, BlkdebugOptions options, BlkdebugLimits limits, RuleEngine rules)
        : base(child)
    {
        _options = options;
        _limits = limits;
        _rules = rules;
    }

    /// <summary>A name holds a file of rules and an image, and nothing else.</summary>
    public override string? FileName =>
        _options is { Align: null, MaxTransfer: null, OptWriteZero: null, MaxWriteZero: null, OptDiscard: null, MaxDiscard: null }
            and { InjectError: null, SetState: null, TakeChildPerms: null, UnshareChildPerms: null }
            && !Child.FileName.StartsWith("json:", StringComparison.Ordinal)
            ? $"blkdebug:{_options.Config}:{Child.FileName}"
            : null;

    public ValueTask OnEventAsync(BlkdebugEvent @event, CancellationToken cancellationToken)
    {
        _rules.On(@event);
        return _breakpoints.OnAsync(@event);
    }

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        _rules.Take(BlkdebugIOType.Read, offset, target.Length) is { } rule
            ? FailAsync(rule)
            : Child.ReadAsync(offset, target, flags, cancellationToken);

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        _rules.Take(BlkdebugIOType.Write, offset, source.Length) is { } rule
            ? FailAsync(rule)
            : Changed(Child.WriteAsync(offset, source, flags, cancellationToken));

    /// <summary>
    /// As in QEMU there is nothing to flush, and so to fail, where nothing has been written since the last time.
    /// </summary>
    public override ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        var changes = Volatile.Read(ref _changes);
        if (Interlocked.Exchange(ref _flushed, changes) == changes)
            return Child.FlushAsync(cancellationToken);
        if (_rules.Take(BlkdebugIOType.Flush, 0, 0) is not { } rule)
            return Child.FlushAsync(cancellationToken);
        Volatile.Write(ref _flushed, changes - 1);
        return FailAsync(rule);
    }

    /// <summary>What is smaller than the alignment comes back as a write.</summary>
    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        var limits = Profile.Limits;
        if (bytes < Math.Max(limits.RequestAlignment, limits.WriteZeroesAlignment))
            return ValueTask.FromException(Error(Errno.ENOTSUP));
        return _rules.Take(BlkdebugIOType.WriteZeroes, offset, bytes) is { } rule
            ? FailAsync(rule)
            : Changed(Child.WriteZeroesAsync(offset, bytes, flags, cancellationToken));
    }

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        if (bytes < Profile.Limits.RequestAlignment)
            return ValueTask.FromException(Error(Errno.ENOTSUP));
        return _rules.Take(BlkdebugIOType.Discard, offset, bytes) is { } rule
            ? FailAsync(rule)
            : Changed(Child.DiscardAsync(offset, bytes, cancellationToken));
    }

    public override async ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        if (_rules.Take(BlkdebugIOType.BlockStatus, offset, bytes) is { } rule)
            await FailAsync(rule).ConfigureAwait(false);
        return new BlockStatus(bytes, BlockStatusFlags.Raw | BlockStatusFlags.OffsetValid, offset, Child);
    }

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken) =>
        Child.ResizeAsync(length, options, cancellationToken);

    /// <summary>A filter's, with what the user wants beyond them.</summary>
    public override BlockPermissionSet GetChildPermissions(IBlockChild child, BlockPermissionSet own) =>
        new(own.Needed | Union(_options.TakeChildPerms), own.Shared & ~Union(_options.UnshareChildPerms));

    /// <summary>What stops at a breakpoint goes on: who waits for the node to be quiet would wait for ever.</summary>
    public override ValueTask DrainBeginAsync(CancellationToken cancellationToken)
    {
        _breakpoints.ResumeAll();
        return ValueTask.CompletedTask;
    }

    /// <summary>Rules stay what they are.</summary>
    public ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken) => new(new Unchanged());

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class =>
            typeof(T) == typeof(IBreakpoints) ? (facet = _breakpoints as T) is not null : base.TryGetFacet(out facet);

    public override ValueTask DisposeAsync()
    {
        _breakpoints.ResumeAll();
        return ValueTask.CompletedTask;
    }

    private ValueTask Changed(ValueTask write)
    {
        Interlocked.Increment(ref _changes);
        return write;
    }

    private static async ValueTask FailAsync(InjectRule rule)
    {
        if (!rule.IsImmediate)
            await Task.Yield();
        throw Error(rule.Errno);
    }

    private static BlockException Error(int errno)
    {
        errno = Math.Abs(errno);
        var kind = errno switch
        {
            Errno.ENOSPC => BlockErrorKind.NoSpace,
            Errno.ENOTSUP => BlockErrorKind.NotSupported,
            Errno.EINVAL => BlockErrorKind.InvalidArgument,
            Errno.EPERM => BlockErrorKind.PermissionDenied,
            _ => BlockErrorKind.Io,
        };
        return new BlockException(kind, ErrnoText.Of(errno), errno);
    }

    private static BlockPermissions Union(IReadOnlyList<ChildPermission>? permissions) =>
        (permissions ?? []).Aggregate(BlockPermissions.None, (all, one) => all | (BlockPermissions)one);

    /// <summary>Everything reaches the rules; what the image lacks the host emulates there.</summary>
    protected override BlockProfile ProfileOver(BlockProfile child, long length) => child with
    {
        Length = length,
        Limits = _limits.Over(child.Limits),
        Flush = Support.Native,
        Fua = Support.Emulate,
        WriteZeroes = Support.Native,
        WriteZeroesFlags = ZeroFlags.MayUnmap | ZeroFlags.Unchanged,
        Discard = Support.Native,
        Status = Support.Native,
        Concurrency = Concurrency.Parallel,
    };

    private sealed class Unchanged : IReopenStep
    {
        public void Commit()
        {
        }

        public ValueTask AbortAsync() => ValueTask.CompletedTask;
    }
}
