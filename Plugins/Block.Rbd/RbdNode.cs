// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Rbd.Client;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Rbd;

/// <summary>An image of a Ceph pool: the data path. Its virtual size is the image's, rounded up to whole sectors.</summary>
internal sealed partial class RbdNode : BlockNode
{
    private const int SectorSize = 512;

    /// <summary>Larger requests would not be copied through buffers that are kept.</summary>
    private const int MaxTransfer = 2 << 20;

    private const long MaxDiscard = 1 << 30;

    /// <summary>Where the host's arithmetic with rounded sizes still holds.</summary>
    private const long MaxLength = long.MaxValue - (1 << 30);

    private readonly IBlockNodeContext _context;
    private readonly ImageSession _session;
    private readonly Lifeline _lifeline;
    private readonly ImageExtents _extents;
    private readonly JsonElement _options;
    private readonly SemaphoreSlim _resizing = new(1);
    private readonly long _objectSize;
    private readonly bool _isSnapshot;
    private readonly bool _isEncrypted;
    private readonly bool _ignoresFlushes;
    private BlockProfile _profile;
    private long _size;

    /// <summary>Owns the session from here on.</summary>
    /// <exception cref="BlockException">The image's length is impossible.</exception>
    private RbdNode(
        IBlockNodeContext context, ImageSession session, Lifeline lifeline, JsonElement options, RbdOptions typed,
        ImageSize size, Version librbd)
    {
        (_context, _session, _lifeline, _options) = (context, session, lifeline, options.Clone());
        (_size, _objectSize) = (Checked(size.Bytes), size.ObjectBytes);
        (_isSnapshot, _isEncrypted) = (typed.Snapshot is not null, typed.Encrypt is not null);
        _ignoresFlushes = context.CacheNoFlush;
        _extents = new ImageExtents(librbd);
        _profile = new BlockProfile
        {
            Length = Rounded(_size),
            Limits = new BlockLimits { MaxTransfer = MaxTransfer, MaxDiscard = MaxDiscard, MaxWriteZeroes = MaxDiscard },
            Writable = !context.ReadOnly,
            Growable = !context.ReadOnly,
            NewStorageReadsZero = true,
            Flush = Support.Native,
            WriteZeroes = Support.Native,
            WriteZeroesFlags = ZeroFlags.MayUnmap | ZeroFlags.NoFallback,
            Discard = context.DiscardUnmap ? Support.Native : Support.None,
            Status = Support.Native,
        };
    }

    public override BlockProfile Profile => Volatile.Read(ref _profile);

    private long Size => Volatile.Read(ref _size);

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        if (Refusal(cancellationToken) is { } refusal)
            return refusal;
        var bytes = Math.Clamp(Size - offset, 0, target.Length);
        if (bytes < target.Length)
            target.Slice(bytes).Clear();
        return bytes == 0 ? default : _session.Requests.ReadAsync(offset, target.Slice(0, bytes));
    }

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        Refusal(cancellationToken)
        ?? (source.Length <= Size - offset ? _session.Requests.WriteAsync(offset, source) : WriteBehindEndAsync(offset, source));

    public override ValueTask FlushAsync(CancellationToken cancellationToken) =>
        Refusal(cancellationToken) ?? (_ignoresFlushes ? default : _session.Requests.FlushAsync());

    /// <summary>Zeroes that take no space, or all of it: which of both, the flag says.</summary>
    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        if (Refusal(cancellationToken) is { } refusal)
            return refusal;
        var mayUnmap = (flags & ZeroFlags.MayUnmap) != 0;
        if (!mayUnmap && (flags & ZeroFlags.NoFallback) != 0)
            return ValueTask.FromException(
                new BlockException(BlockErrorKind.NotSupported, "Zeroes that take up space are written one by one"));
        return bytes <= Size - offset
            ? _session.Requests.WriteZeroesAsync(offset, bytes, mayUnmap)
            : WriteZeroesBehindEndAsync(offset, bytes, mayUnmap);
    }

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        if (Refusal(cancellationToken) is { } refusal)
            return refusal;
        var inside = Math.Clamp(Size - offset, 0, bytes);
        return inside == 0 ? default : _session.Requests.DiscardAsync(offset, inside);
    }

    public override async ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        const BlockStatusFlags known = BlockStatusFlags.OffsetValid | BlockStatusFlags.Allocated;
        var end = Profile.Length;
        var inside = Math.Min(Size - offset, bytes);
        var (isData, run) = inside > 0
            ? await _session.RunAsync(image => _extents.Find(image, offset, inside, _objectSize)).ConfigureAwait(false)
            : (false, bytes);
        // The last sector's rest is as the sector.
        if (run == inside && inside < bytes)
            run = bytes;
        var flags = known | (isData ? BlockStatusFlags.Data : BlockStatusFlags.Zero);
        return new BlockStatus(run, offset + run >= end ? flags | BlockStatusFlags.Eof : flags, offset);
    }

    public override async ValueTask DisposeAsync()
    {
        await _session.DisposeAsync().ConfigureAwait(false);
        await _lifeline.CloseAsync().ConfigureAwait(false);
    }

    private async ValueTask WriteBehindEndAsync(long offset, IoSlice source)
    {
        await GrowAsync(offset, source.Length).ConfigureAwait(false);
        await _session.Requests.WriteAsync(offset, source).ConfigureAwait(false);
    }

    private async ValueTask WriteZeroesBehindEndAsync(long offset, long bytes, bool mayUnmap)
    {
        await GrowAsync(offset, bytes).ConfigureAwait(false);
        await _session.Requests.WriteZeroesAsync(offset, bytes, mayUnmap).ConfigureAwait(false);
    }

    private ValueTask? Refusal(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        return _lifeline.Token.IsCancellationRequested
            ? ValueTask.FromException(_lifeline.Error("The request failed"))
            : null;
    }

    private static long Rounded(long length) => (length + SectorSize - 1) / SectorSize * SectorSize;

    private static long Checked(ulong size) => size <= (ulong)MaxLength
        ? (long)size
        : throw new BlockException(BlockErrorKind.InvalidArgument, $"The image has an impossible size of {size} bytes");
}

/// <param name="ObjectBytes">Of the objects that it is stored in.</param>
internal readonly record struct ImageSize(ulong Bytes, long ObjectBytes);
