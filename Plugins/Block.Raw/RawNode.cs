// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Block.Raw;

/// <summary>
/// Hands every operation to the storage, moved by the window's offset, and returns the storage's own task. It says
/// "native" for all of them: what the storage lacks, the host emulates there.
/// </summary>
internal sealed class RawNode : BlockNode, IResizable, IReopenable
{
    private readonly IBlockChild _file;
    private readonly IBlockNodeContext _context;
    private Window _window;
    private readonly bool _guardsFirstSector;
    private Snapshot _snapshot;

    internal RawNode(IBlockNodeContext context, IBlockChild file, Window window)
    {
        _context = context;
        _file = file;
        _window = window;
        _guardsFirstSector = context.IsProbed && !context.ReadOnly;
        _snapshot = Take();
    }

    /// <summary>Follows the storage: a file grows under its image.</summary>
    public override BlockProfile Profile
    {
        get
        {
            var known = _snapshot;
            if (!ReferenceEquals(known.Storage, _file.Profile) || known.StorageLength != _file.Length || known.Window != _window)
                _snapshot = known = Take();
            return known.Own;
        }
    }

    public override string? FileName => _window is { Offset: 0, Size: null } && !IsJson(_file.FileName) ? _file.FileName : null;

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        _file.ReadAsync(BlkdebugEvent.ReadAio, _window.Offset + offset, target, flags, cancellationToken);

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        _guardsFirstSector && offset < Window.SectorSize
            ? WriteGuardedAsync(offset, source, flags, cancellationToken)
            : CheckRange(offset, source.Length)
                ?? _file.WriteAsync(BlkdebugEvent.WriteAio, _window.Offset + offset, source, flags, cancellationToken);

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => _file.FlushAsync(cancellationToken);

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        CheckRange(offset, bytes) ?? _file.WriteZeroesAsync(_window.Offset + offset, bytes, flags, cancellationToken);

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        CheckRange(offset, bytes) ?? _file.DiscardAsync(_window.Offset + offset, bytes, cancellationToken);

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) =>
        new(new BlockStatus(bytes, BlockStatusFlags.Raw | BlockStatusFlags.OffsetValid, _window.Offset + offset, _file));

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        if (_window.Size is not null)
            throw new BlockException(BlockErrorKind.NotSupported, "Cannot resize fixed-size raw disks");
        if (length > long.MaxValue - _window.Offset)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Disk size too large for the chosen offset");
        return _file.ResizeAsync(_window.Offset + length, options, cancellationToken);
    }

    public ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var window = Window.From(options.Deserialize(RawJson.Default.RawOptions)!, _file.Length);
        return new(new ReopenStep(this, window));
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static bool IsJson(string fileName) => fileName.StartsWith("json:", StringComparison.Ordinal);

    /// <summary>A growable storage would take a write past a fixed window; nothing outside of the window may change.</summary>
    private ValueTask? CheckRange(long offset, long bytes)
    {
        if (_window.Size is not { } size || (offset <= size && bytes <= size - offset))
            return null;
        return ValueTask.FromException(
            new BlockException(BlockErrorKind.NoSpace, "Request is outside of the raw disk") { Offset = offset });
    }

    /// <summary>
    /// A guest that writes a format's header into an image that was only guessed to be raw could make the next guess
    /// read any file of the host as its backing file.
    /// </summary>
    private async ValueTask WriteGuardedAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        var head = new byte[Window.SectorSize];
        source.Slice(0, Math.Min(source.Length, head.Length)).CopyTo(head);
        if (await _context.IsForeignAsync(head, cancellationToken).ConfigureAwait(false))
            throw new BlockException(
                BlockErrorKind.PermissionDenied,
                "The header of another format must not be written to an image whose format was guessed")
            { Offset = offset };
        if (CheckRange(offset, source.Length) is { } refused)
            await refused.ConfigureAwait(false);
        else
            await _file.WriteAsync(_window.Offset + offset, source, flags, cancellationToken).ConfigureAwait(false);
    }

    private Snapshot Take()
    {
        var storage = _file.Profile;
        var length = _file.Length;
        return new Snapshot(storage, length, _window, new BlockProfile
        {
            Length = _window.Length(length),
            // Guarded, the first sector comes whole: the host fills up what a request leaves out.
            Limits = storage.Limits with { RequestAlignment = _guardsFirstSector ? Window.SectorSize : 1 },
            Writable = storage.Writable && !_context.ReadOnly,
            Growable = storage.Growable && _window.Size is null,
            Flush = Support.Native,
            Fua = storage.Fua == Support.Native ? Support.Native : Support.Emulate,
            WriteZeroes = Support.Native,
            WriteZeroesFlags = ZeroFlags.MayUnmap | ZeroFlags.NoFallback | ZeroFlags.Fua | ZeroFlags.Unchanged,
            Discard = _context.DiscardUnmap ? Support.Native : Support.None,
            Status = Support.Native,
            Concurrency = Concurrency.Parallel,
        });
    }

    private sealed record Snapshot(BlockProfile Storage, long StorageLength, Window Window, BlockProfile Own);

    private sealed class ReopenStep(RawNode node, Window window) : IReopenStep
    {
        public void Commit() => node._window = window;

        public ValueTask AbortAsync() => ValueTask.CompletedTask;
    }
}
