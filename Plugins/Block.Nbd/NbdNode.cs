// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Nbd;
using BlockHost.Plugins.Block.Nbd.Client;
using BlockHost.Plugins.Block.Nbd.Naming;

namespace BlockHost.Plugins.Block.Nbd;

/// <summary>
/// An export. Its virtual size is the server's rounded up to whole sectors, as any node's; what lies between the two reads as
/// zeroes, and the server hears nothing of it.
/// </summary>
internal sealed class NbdNode : BlockNode, IResizable, IReopenable
{
    private const int SectorSize = 512;
    private const int MaxTransfer = Wire.MaxPayload;

    /// <summary>Where the host's arithmetic with rounded sizes still holds.</summary>
    private const long MaxSize = long.MaxValue - (1 << 30);

    private readonly IBlockNodeContext _context;
    private readonly ClientGroup _clients;
    private readonly JsonElement _options;
    private BlockProfile _profile;
    private long _size;

    public NbdNode(IBlockNodeContext context, JsonElement options, NbdOptions typed, ClientGroup clients)
    {
        (_context, _clients, _options) = (context, clients, options.Clone());
        FileName = NbdFileName.Of(typed.Server, typed.Export);
        _size = SizeOf(Session.Export);
        _profile = Describe(Session, _size, writable: !context.ReadOnly);
        clients.First.OnReconnected = Reconnected;
        clients.CheckSame = CheckSame;
    }

    private NbdSession Session => _clients.First.Session;

    public override BlockProfile Profile => _profile;

    public override string? FileName { get; }

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        var bytes = Inside(offset, target.Length);
        if ((flags & ReadFlags.Prefetch) != 0 && Offers(TransmissionFlags.SendCache))
            return bytes == 0 ? default : _clients.Pick().RunAsync(NbdCommand.Cache, CommandFlags.None, offset, bytes);
        if (bytes < target.Length)
            target.Slice(bytes).Clear();
        return bytes == 0
            ? default
            : _clients.Pick().RunAsync(NbdCommand.Read, CommandFlags.None, offset, bytes, target.Slice(0, bytes));
    }

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        var bytes = Inside(offset, source.Length);
        if (bytes < source.Length && !source.Slice(bytes).IsZero())
            return ValueTask.FromException(
                new BlockException(BlockErrorKind.NoSpace, $"The export ends at {_size}, in the middle of a sector")
                { Offset = offset });
        var fua = (flags & WriteFlags.Fua) != 0 ? CommandFlags.Fua : CommandFlags.None;
        return bytes == 0 ? default : _clients.Pick().RunAsync(NbdCommand.Write, fua, offset, bytes, source.Slice(0, bytes));
    }

    public override ValueTask FlushAsync(CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested
            ? ValueTask.FromCanceled(cancellationToken)
            : _clients.Pick().RunAsync(NbdCommand.Flush, CommandFlags.None, 0, 0);

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        var command = CommandFlags.None;
        if ((flags & ZeroFlags.MayUnmap) == 0)
            command |= CommandFlags.NoHole;
        if ((flags & ZeroFlags.NoFallback) != 0)
            command |= CommandFlags.FastZero;
        if ((flags & ZeroFlags.Fua) != 0)
            command |= CommandFlags.Fua;
        var inside = Inside(offset, bytes);
        return inside == 0 ? default : _clients.Pick().RunAsync(NbdCommand.WriteZeroes, command, offset, inside);
    }

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        var inside = Inside(offset, bytes);
        return inside == 0 ? default : _clients.Pick().RunAsync(NbdCommand.Trim, CommandFlags.None, offset, inside);
    }

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<BlockStatus>(cancellationToken);
        var inside = Inside(offset, bytes);
        if (inside == 0)
            return new(new BlockStatus(bytes, BlockStatusFlags.Zero | BlockStatusFlags.Allocated | BlockStatusFlags.Eof));
        return Session.Context is null ? new(StateOf(offset, inside, AllocationFlags.Data)) : AskAsync(offset, inside);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> AskAsync(long offset, long bytes)
    {
        var asked = Math.Min(bytes, int.MaxValue & ~(long)(Profile.Limits.RequestAlignment - 1));
        var extent = await _clients.Pick().GetExtentAsync(offset, asked).ConfigureAwait(false);
        var alignment = Profile.Limits.RequestAlignment;
        var run = Math.Min(extent.Bytes, asked);
        var flags = (AllocationFlags)extent.Flags;
        // A server may tell states apart within a block; the block is data then.
        if (run < asked && run % alignment != 0)
            (run, flags) = run < alignment ? (Math.Min(alignment, asked), AllocationFlags.Data) : (run - run % alignment, flags);
        return StateOf(offset, run, flags);
    }

    /// <summary>
    /// What is neither data nor zeroes, as a dirty bitmap in the place of base:allocation can have it, is nothing.
    /// </summary>
    private BlockStatus StateOf(long offset, long run, AllocationFlags flags)
    {
        var state = (flags & AllocationFlags.Hole) == 0 ? BlockStatusFlags.Data : BlockStatusFlags.None;
        if ((flags & AllocationFlags.Zero) != 0)
            state |= BlockStatusFlags.Zero;
        if (state != BlockStatusFlags.None)
            state |= BlockStatusFlags.OffsetValid | BlockStatusFlags.Allocated;
        if (offset + run >= _profile.Length)
            state |= BlockStatusFlags.Eof;
        return new BlockStatus(run, state, offset);
    }

    /// <summary>The protocol has no resize. A size that is not exact may be what there is.</summary>
    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        if (!options.MayExceed && length != _profile.Length)
            throw new BlockException(BlockErrorKind.NotSupported, "Cannot resize NBD nodes");
        if (length > _profile.Length)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Cannot grow NBD nodes");
        return default;
    }

    public ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        OptionChanges.Refuse(_options, options);
        if (!context.ReadOnly && Offers(TransmissionFlags.ReadOnly))
            throw new BlockException(BlockErrorKind.ReadOnly, "Can't reopen read-only NBD mount as read/write");
        return new(new Reopening(this, writable: !context.ReadOnly));
    }

    public override ValueTask DisposeAsync() => _clients.DisposeAsync();

    private static long SizeOf(NbdExportInfo export) => export.Size <= MaxSize
        ? (long)export.Size
        : throw new BlockException(
            BlockErrorKind.InvalidArgument, $"The export's size of {export.Size} bytes is too large", Errno.EFBIG);

    private static BlockProfile Describe(NbdSession session, long size, bool writable)
    {
        var flags = session.Export.Flags;
        var sizes = session.Export.BlockSizes;
        var alignment = (int)Math.Min(sizes?.Minimum ?? (size % SectorSize == 0 ? SectorSize : 1u), MaxTransfer);
        var largest = Math.Min(sizes?.Maximum ?? MaxTransfer, MaxTransfer);
        return new BlockProfile
        {
            Length = (size + SectorSize - 1) / SectorSize * SectorSize,
            Limits = new BlockLimits
            {
                RequestAlignment = alignment,
                MaxTransfer = largest,
                OptimalTransfer = sizes is { Preferred: > 1 } ? sizes.Value.Preferred : 0,
                MaxDiscard = int.MaxValue & ~(long)(alignment - 1),
                MaxWriteZeroes = largest,
            },
            Writable = writable,
            Flush = NativeIf(flags, TransmissionFlags.SendFlush, Support.None),
            Fua = NativeIf(flags, TransmissionFlags.SendFua, Support.Emulate),
            WriteZeroes = NativeIf(flags, TransmissionFlags.SendWriteZeroes, Support.Emulate),
            WriteZeroesFlags = ZeroFlags.MayUnmap
                | ((flags & TransmissionFlags.SendFastZero) != 0 ? ZeroFlags.NoFallback : ZeroFlags.None)
                | ((flags & TransmissionFlags.SendFua) != 0 ? ZeroFlags.Fua : ZeroFlags.None),
            Discard = NativeIf(flags, TransmissionFlags.SendTrim, Support.None),
            Status = Support.Native,
            Concurrency = Concurrency.Parallel,
        };
    }

    private static Support NativeIf(TransmissionFlags flags, TransmissionFlags wanted, Support otherwise) =>
        (flags & wanted) != 0 ? Support.Native : otherwise;

    private bool Offers(TransmissionFlags flag) => (Session.Export.Flags & flag) != 0;

    /// <summary>Bytes of the range that the export has.</summary>
    private long Inside(long offset, long bytes) => Math.Clamp(_size - offset, 0, bytes);

    /// <summary>What was promised must still hold. An export that has grown shows its new size.</summary>
    private void Reconnected(NbdSession session)
    {
        var profile = Promised(session);
        var size = SizeOf(session.Export);
        if (size == _size)
            return;
        (_size, _profile) = (size, _profile with { Length = profile.Length });
        _context.ProfileChanged();
    }

    /// <summary>A further connection, or one of those again: nothing may differ from what the node shows.</summary>
    private void CheckSame(NbdSession session)
    {
        _ = Promised(session);
        if (SizeOf(session.Export) != _size || (session.Export.Flags & TransmissionFlags.CanMultiConn) == 0)
            throw Changed();
    }

    /// <exception cref="BlockException">The export offers less than before.</exception>
    private BlockProfile Promised(NbdSession session)
    {
        const TransmissionFlags promises = TransmissionFlags.SendFlush | TransmissionFlags.SendFua | TransmissionFlags.SendTrim
            | TransmissionFlags.SendWriteZeroes | TransmissionFlags.SendFastZero | TransmissionFlags.SendCache;
        var before = Session;
        var size = SizeOf(session.Export);
        var profile = Describe(session, size, _profile.Writable);
        var isLess = size < _size || (profile.Writable && (session.Export.Flags & TransmissionFlags.ReadOnly) != 0)
            || (before.Export.Flags & ~session.Export.Flags & promises) != 0
                || (before.Context is not null && session.Context is null)
            || profile.Limits.RequestAlignment > _profile.Limits.RequestAlignment
                || profile.Limits.MaxTransfer < _profile.Limits.MaxTransfer;
        return isLess ? throw Changed() : profile;
    }

    private static BlockException Changed() => new(BlockErrorKind.Io, "The server's export is not the one that it was");

    private sealed class Reopening(NbdNode node, bool writable) : IReopenStep
    {
        public void Commit() => node._profile = node._profile with { Writable = writable };

        public ValueTask AbortAsync() => default;
    }
}
