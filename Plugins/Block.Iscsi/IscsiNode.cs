// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Iscsi.Scsi;
using BlockHost.Plugins.Block.Iscsi.Session;
using BlockHost.Remote;
using BlockHost.Scsi;
using Microsoft.Extensions.Logging;

namespace BlockHost.Plugins.Block.Iscsi;

/// <summary>A logical unit that is a disk.</summary>
internal sealed class IscsiNode : BlockNode, IResizable, IReopenable, IScsiDevice
{
    private readonly IBlockNodeContext _context;
    private readonly IscsiSession _session;
    private readonly Lifeline _lifeline;
    private readonly JsonElement _options;
    private readonly ILogger _logger;
    private readonly ScsiRules _rules;
    private readonly byte[] _zeroBlock;
    private readonly SemaphoreSlim _sizing = new(1);
    private readonly Lock _profileLock = new();
    private readonly bool _ignoresFlushes;
    private readonly bool _isThin;
    private readonly bool _holesReadZero;
    private readonly int _blockSize;
    private volatile BlockProfile _profile;
    private volatile bool _isLong;
    private volatile bool _hasWriteSame = true;
    private volatile Task _resizing = Task.CompletedTask;

    public IscsiNode(
        IBlockNodeContext context, IscsiSession session, Lifeline lifeline, JsonElement options, ScsiRules rules)
    {
        (_context, _session, _lifeline, _options, _rules) = (context, session, lifeline, options.Clone(), rules);
        _logger = context.Host.Loggers.CreateLogger("");
        _ignoresFlushes = context.CacheNoFlush;
        var facts = session.Facts;
        (_blockSize, _isThin, _holesReadZero) = (facts.Capacity.BlockSize, facts.Capacity.IsThin, facts.Capacity.HolesReadZero);
        _isLong = facts.Capacity.IsBeyondShortCommands;
        _zeroBlock = new byte[_blockSize];
        _profile = LunProfile.Of(facts, writable: !context.ReadOnly);
        session.OnResized = LookAgain;
    }

    public override BlockProfile Profile => _profile;

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        var (block, blocks) = Blocks(offset, target.Length);
        return _session.RunAsync(TaskKind.Read, Cdb.Read(block, blocks, _isLong), target, sendsData: false, block);
    }

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        var (block, blocks) = Blocks(offset, source.Length);
        var isFua = (flags & WriteFlags.Fua) != 0;
        var command = Cdb.Write(block, blocks, isFua ? Cdb.Fua : (byte)0, _isLong);
        return _session.RunAsync(TaskKind.Write, command, source, sendsData: true, block, isFua);
    }

    public override ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        return _ignoresFlushes ? default : _session.FlushAsync();
    }

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        return _hasWriteSame ? WriteSameAsync(offset, bytes, flags) : ValueTask.FromException(NoWriteSame());
    }

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled(cancellationToken) : UnmapAsync(offset, bytes);

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled<BlockStatus>(cancellationToken)
            : AskStatusAsync(offset, bytes);

    /// <summary>A target has no resize for its initiators; the disk may have another size than it had.</summary>
    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        if (options.Preallocation != PreallocationMode.Off)
            throw new BlockException(
                BlockErrorKind.NotSupported,
                $"Unsupported preallocation mode '{options.Preallocation.ToString().ToLowerInvariant()}'");
        cancellationToken.ThrowIfCancellationRequested();
        await ResizeAsync().ConfigureAwait(false);
        if (!options.MayExceed && length != _profile.Length)
            throw new BlockException(BlockErrorKind.NotSupported, "Cannot resize iSCSI devices");
        if (length > _profile.Length)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Cannot grow iSCSI devices");
    }

    /// <summary>A command that is under way when its connection is lost fails: it may not be one to send twice.</summary>
    public async ValueTask<ScsiReply> SendAsync(ScsiRequest request, CancellationToken cancellationToken)
    {
        _rules.Check(request, _profile.Writable);
        cancellationToken.ThrowIfCancellationRequested();
        var sends = !request.DataOut.IsEmpty;
        var data = sends ? request.DataOut.ToArray() : new byte[request.DataInLength];
        var result = await _session.AskAsync(
            TaskKind.Passed, Cdb.From(request.Command.Span), data, sends, 0, request.Timeout ?? ScsiRules.UsualTimeout)
            .ConfigureAwait(false);
        if (result.Status == ScsiResult.TimedOut)
            throw new BlockException(BlockErrorKind.Io, "The SCSI command timed out", Errno.ETIMEDOUT);
        return new ScsiReply((byte)result.Status, sends ? default : data.AsMemory(0, result.Received), result.Sense);
    }

    public ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        OptionChanges.Refuse(_options, options);
        var facts = _session.Facts;
        if (!context.ReadOnly && (facts.IsWriteProtected || facts.DeviceType == DeviceTypes.Cdrom))
            throw new BlockException(BlockErrorKind.ReadOnly, "Cannot open a write protected LUN as read-write");
        return new(new Reopening(this, writable: !context.ReadOnly));
    }

    public override async ValueTask DisposeAsync()
    {
        _session.OnResized = null;
        await _session.DisposeAsync().ConfigureAwait(false);
        await _lifeline.CloseAsync().ConfigureAwait(false);
        await _resizing.ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteSameAsync(long offset, long bytes, ZeroFlags flags)
    {
        var (block, blocks) = Blocks(offset, bytes);
        var unmaps = (flags & ZeroFlags.MayUnmap) != 0;
        var can = _session.Facts.Provisioning;
        var isLong = _isLong || can.WriteSame16Unmaps;
        var bits = unmaps && (isLong ? can.WriteSame16Unmaps : can.WriteSame10Unmaps) ? Cdb.Unmap : (byte)0;
        var result = await _session.AskAsync(
            TaskKind.WriteSame, Cdb.WriteSame(block, blocks, bits, isLong), _zeroBlock, sendsData: true, block)
            .ConfigureAwait(false);
        if (result.IsGood)
            return;
        if (result.Status == ScsiStatus.CheckCondition && Sense.Parse(result.Sense.Span).IsUnsupported)
        {
            // Not asked for again: the host writes zeroes.
            _hasWriteSame = false;
            throw NoWriteSame();
        }

        throw CommandFaults.Of("WRITESAME10/16", block, result);
    }

    private async ValueTask UnmapAsync(long offset, long bytes)
    {
        var (block, blocks) = Blocks(offset, bytes);
        var list = new byte[Cdb.UnmapListLength];
        Cdb.WriteUnmapList(list, block, blocks);
        var result = await _session.AskAsync(
            TaskKind.Unmap, Cdb.UnmapBlocks(Cdb.UnmapListLength), list, sendsData: true, block).ConfigureAwait(false);
        // A target may not like where the range begins or ends, and a discard is only a hint.
        if (!result.IsGood && result.Status != ScsiStatus.CheckCondition)
            throw CommandFaults.Of("UNMAP", block, result);
    }

    private async ValueTask<BlockStatus> AskStatusAsync(long offset, long bytes)
    {
        const byte answerLength = 24;
        var (block, blocks) = Blocks(offset, bytes);
        var answer = new byte[answerLength];
        var result = await _session.AskAsync(
            TaskKind.Status, Cdb.GetLbaStatus(block, answerLength), answer, sendsData: false, block).ConfigureAwait(false);
        var run = result.IsGood ? LunReplies.Status(answer.AsSpan(0, result.Received), block) : null;
        // As QEMU's driver: a target that does not say has everything.
        var (length, isMapped) = run ?? (blocks, true);
        length = Math.Min(length, blocks) * _blockSize;
        var flags = BlockStatusFlags.OffsetValid | BlockStatusFlags.Allocated
            | (isMapped || !_holesReadZero ? BlockStatusFlags.Data : BlockStatusFlags.Zero);
        if (offset + length >= _profile.Length)
            flags |= BlockStatusFlags.Eof;
        return new BlockStatus(length, flags, offset);
    }

    /// <summary>From any thread: the target has said that the size is another one.</summary>
    private void LookAgain() => _resizing = Task.WhenAll(_resizing, Task.Run(async () =>
    {
        try
        {
            await ResizeAsync().ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            IscsiLog.SizeUnknown(_logger, e.Message);
        }
    }));

    private async ValueTask ResizeAsync()
    {
        await _sizing.WaitAsync().ConfigureAwait(false);
        try
        {
            var probe = new LunProbe(
                (command, answer) => _session.AskAsync(TaskKind.Status, command, answer, sendsData: false, 0),
                _ => Task.CompletedTask);
            var capacity = await probe.CapacityAsync().ConfigureAwait(false);
            if (capacity.BlockSize != _blockSize)
                throw new BlockException(BlockErrorKind.Io, $"The disk has blocks of {capacity.BlockSize} bytes now");
            Take(capacity);
        }
        finally
        {
            _sizing.Release();
        }
    }

    private void Take(Capacity capacity)
    {
        lock (_profileLock)
        {
            if (capacity.Length == _profile.Length)
                return;
            _isLong = capacity.IsBeyondShortCommands;
            _profile = _profile with { Length = capacity.Length };
        }

        _context.ProfileChanged();
    }

    private (long Block, uint Blocks) Blocks(long offset, long bytes) =>
        (offset / _blockSize, checked((uint)(bytes / _blockSize)));

    private static BlockException NoWriteSame() => new(BlockErrorKind.NotSupported, "The target does not know WRITE SAME");

    private sealed class Reopening(IscsiNode node, bool writable) : IReopenStep
    {
        public void Commit()
        {
            lock (node._profileLock)
                node._profile = node._profile with { Writable = writable };
        }

        public ValueTask AbortAsync() => default;
    }
}
