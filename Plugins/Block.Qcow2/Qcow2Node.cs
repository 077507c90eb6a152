// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Crypto.Sectors;
using BlockHost.Plugins.Block.Qcow2.Amending;
using BlockHost.Plugins.Block.Qcow2.Bitmaps;
using BlockHost.Plugins.Block.Qcow2.Checking;
using BlockHost.Plugins.Block.Qcow2.Compaction;
using BlockHost.Plugins.Block.Qcow2.Creation;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;
using BlockHost.Plugins.Block.Qcow2.Sizing;
using BlockHost.Plugins.Block.Qcow2.Snapshots;

namespace BlockHost.Plugins.Block.Qcow2;

/// <summary>An open qcow2 image in the graph.</summary>
internal sealed class Qcow2Node
    : BlockNode, IImageInfo, IImageCheck, IResizable, IBackingFileStore, IBackingChildHolder, IReopenable, IStoredBitmaps,
    IImageAmend, ISnapshotStore, IImageEmptier, IImageCompaction
{
    /// <summary>Lookups that one status answer may join, so that its cost is bounded.</summary>
    private const int MaxJoined = 64;
    private const int ReloadAttempts = 3;

    private readonly IBlockNodeContext _context;
    private readonly BitmapJournal _journal;
    private Qcow2Image _image;
    private ITimer? _cleaner;
    private BlockProfile _profile;

    public Qcow2Node(IBlockNodeContext context, Qcow2Image image)
    {
        _context = context;
        _image = image;
        _journal = new BitmapJournal(this);
        _profile = MakeProfile();
        Watch();
    }

    public override BlockProfile Profile => _profile;

    /// <summary>The image in use; another one after <see cref="ReloadAsync"/> or a reopen.</summary>
    public Qcow2Image Image => _image;

    public IReadOnlyList<CreateOption> AmendOptions => AmendOptionTable.All;

    public JsonTypeInfo? AmendOptionsType => Qcow2Json.Default.Qcow2AmendOptions;

    public override string? FileName =>
        _image.File.FileName.StartsWith("json:", StringComparison.Ordinal) ? null : _image.File.FileName;

    public BackingFileReference? Backing => Qcow2Driver.Recorded(_image.Header.Current);

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        _image.Reader.ReadAsync(offset, target, flags, cancellationToken);

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        !_journal.Covers(offset, source.Length)
            ? MarkAndWriteAsync(offset, source, flags, cancellationToken)
            : (flags & WriteFlags.Compressed) == 0
                ? _image.Writer.WriteAsync(offset, source, cancellationToken)
                : _image.Compressed.WriteAsync(offset, source, cancellationToken);

    public override ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        _image.Guard.ThrowIfStopped();
        return _image.Flusher.FlushAsync(cancellationToken);
    }

    public override async ValueTask WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        if (!_journal.Covers(offset, bytes)) await _journal.MarkAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
        await _image.Zeroes.WriteZeroesAsync(offset, bytes, flags, cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        if (!_journal.Covers(offset, bytes)) await _journal.MarkAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
        await _image.Zeroes.DiscardAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        _image.Guard.ThrowIfStopped();
        var first = await LookupAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
        var length = first.Length;
        for (var joined = 0; joined < MaxJoined && length < bytes && first.Kind != ExtentKind.Compressed; joined++)
        {
            var next = await LookupAsync(offset + length, bytes - length, cancellationToken).ConfigureAwait(false);
            if (next.Kind != first.Kind || next.HostOffset != (first.HostOffset == 0 ? 0 : first.HostOffset + length)) break;
            length += next.Length;
        }
        var flags = FlagsOf(first);
        // Nobody can use the place of what is encrypted.
        if (_image.Data.Cipher is not null) flags &= ~BlockStatusFlags.OffsetValid;
        if (first.Kind == ExtentKind.Data && precision == StatusPrecision.WantZero && _image.Data.Cipher is null
            && await _image.Preallocation.IsPreallocatedAsync(
                cancellationToken).ConfigureAwait(false)) flags |= BlockStatusFlags.Recurse;
        if (offset + length >= _image.Length) flags |= BlockStatusFlags.Eof;
        return (flags & BlockStatusFlags.OffsetValid) != 0
            ? new BlockStatus(length, flags, _image.Data.InChild(first.HostOffset), _image.Data.Child)
            : new BlockStatus(length, flags);
    }

    public async ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken)
    {
        var header = _image.Header.Current;
        var geometry = _image.Geometry;
        var bitmaps = await new BitmapStore(_image, _journal).DescribeAsync(cancellationToken).ConfigureAwait(false);
        return new ImageFacts
        {
            ClusterSize = geometry.ClusterSize,
            Dirty = header.IsDirty,
            Encrypted = header.Crypt != CryptMethod.None,
            IsKeyMissing = _image.Settings.Encryption is { Cipher: null },
            VmStateOffset = geometry.L1EntriesFor(header.Size) << geometry.L2CoverageBits,
            Backing = Backing,
            Specific = ImageInfoSpecificQcow2.Of(header, bitmaps, _image.Settings.Encryption?.Info).ToJson(),
        };
    }

    public ValueTask<ImageCheckResult> CheckAsync(CheckRepair repair, CancellationToken cancellationToken) =>
        new ImageChecker(_image).CheckAsync(repair, cancellationToken);

    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        _image.Guard.ThrowIfStopped();
        await new ImageResizer(_image).ResizeAsync(length, options, cancellationToken).ConfigureAwait(false);
        await _journal.RewriteAsync(CancellationToken.None).ConfigureAwait(false);
        _profile = MakeProfile();
    }

    public async ValueTask MakeEmptyAsync(CancellationToken cancellationToken)
    {
        _image.Guard.ThrowIfStopped();
        await _journal.MarkAsync(0, _image.Length, cancellationToken).ConfigureAwait(false);
        await new ImageEmptier(_image).MakeEmptyAsync(cancellationToken).ConfigureAwait(false);
    }

    public IAsyncEnumerable<CompactionStep> CompactAsync(CancellationToken cancellationToken) =>
        new ImageCompactor(this, _journal).RunAsync(cancellationToken);

    public async ValueTask SetBackingAsync(BackingFileReference? backing, CancellationToken cancellationToken)
    {
        _image.Guard.ThrowIfStopped();
        try
        {
            await _image.Flusher.FlushAsync(cancellationToken).ConfigureAwait(false);
            using (await _image.Gate.AcquireAsync(cancellationToken).ConfigureAwait(false))
                await _image.Header.UpdateAsync(
                    _image.Header.Current.WithBacking(backing?.FileName, backing?.Format)).ConfigureAwait(false);
        }
        catch (Qcow2FormatException e) when (e.Fault == Qcow2Fault.TooLarge)
        {
            throw new BlockException(BlockErrorKind.NoSpace, e.Message, innerException: e);
        }
        catch (Qcow2FormatException e)
        {
            throw e.ToBlockException();
        }
    }

    public ValueTask<IReadOnlyList<StoredBitmapSize>> ListStoredAsync(CancellationToken cancellationToken) =>
        ImageMeasurer.ListStoredAsync(_image, cancellationToken);

    public async ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        _image.Guard.ThrowIfStopped();
        try
        {
            if (_image.Settings.Writable) await _image.Flusher.SettleAsync().ConfigureAwait(false);
            var typed = options.Deserialize(Qcow2Json.Default.Qcow2Options)!;
            return await Qcow2Reopen.PrepareAsync(this, _image, typed, context, cancellationToken).ConfigureAwait(false);
        }
        catch (Qcow2FormatException e)
        {
            throw e.ToBlockException();
        }
    }

    public async ValueTask AmendAsync(
        JsonElement options, bool force, IProgress<(long Done, long Total)>? progress, CancellationToken cancellationToken)
    {
        _image.Guard.ThrowIfStopped();
        try
        {
            var amender = new ImageAmender(this, AmendRequest.Read(options), _context.Host, force);
            await amender.RunAsync(progress, cancellationToken).ConfigureAwait(false);
        }
        catch (Qcow2FormatException e)
        {
            throw e.ToBlockException();
        }
    }

    public ValueTask<IReadOnlyList<SnapshotRecord>> ListAsync(CancellationToken cancellationToken) =>
        new(SnapshotStore.List(_image));

    public ValueTask<SnapshotRecord> CreateAsync(SnapshotRecord snapshot, CancellationToken cancellationToken) =>
        GuardedAsync(store => store.CreateAsync(snapshot, cancellationToken));

    public async ValueTask ApplyAsync(string idOrName, CancellationToken cancellationToken) =>
        await GuardedAsync(store => store.ApplyAsync(idOrName, cancellationToken)).ConfigureAwait(false);

    public async ValueTask DeleteAsync(string id, string? name, CancellationToken cancellationToken) =>
        await GuardedAsync(store => store.DeleteAsync(id, name, cancellationToken)).ConfigureAwait(false);

    public async ValueTask ShowAsync(string id, CancellationToken cancellationToken) =>
        await GuardedAsync(store => store.ShowAsync(id, cancellationToken)).ConfigureAwait(false);

    public ValueTask ReadVmStateAsync(long offset, IoSlice target, CancellationToken cancellationToken) =>
        new VmStateArea(_image).ReadAsync(offset, target, cancellationToken);

    public ValueTask WriteVmStateAsync(long offset, IoSlice source, CancellationToken cancellationToken) =>
        new VmStateArea(_image).WriteAsync(offset, source, cancellationToken);

    private async ValueTask<T> GuardedAsync<T>(Func<SnapshotStore, ValueTask<T>> work)
    {
        _image.Guard.ThrowIfStopped();
        try
        {
            return await work(new SnapshotStore(this)).ConfigureAwait(false);
        }
        catch (Qcow2FormatException e)
        {
            throw e.ToBlockException();
        }
    }

    /// <summary>
    /// Reads an image anew whose structure has changed under its tables. The node is drained. A read that fails is tried again:
    /// without the new tables the node can serve nothing more.
    /// </summary>
    public async ValueTask ReloadAsync(Qcow2Settings? settings = null)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                Adopt(await OpenAgainAsync(settings ?? _image.Settings).ConfigureAwait(false));
                return;
            }
            catch (BlockException e) when (e.Kind == BlockErrorKind.Io && attempt < ReloadAttempts)
            {
                // It may have been but this once.
            }
            catch
            {
                // What is in memory is not what is on disk any more.
                _image.Guard.Stop();
                throw;
            }
        }
    }

    private async ValueTask<Qcow2Image> OpenAgainAsync(Qcow2Settings settings)
    {
        var store = await HeaderStore.LoadAsync(
            _image.File, settings.ForRepair, CancellationToken.None).ConfigureAwait(false);
        return await Qcow2Image.OpenAsync(
            _image.File, _image.Data.External, store, settings, _image.Buffers, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Goes over to the same image opened anew. The node is drained, and the old one settled.</summary>
    public void Adopt(Qcow2Image image)
    {
        var old = _image;
        _cleaner?.Dispose();
        image.Backing = old.Backing;
        _image = image;
        _profile = MakeProfile();
        Watch();
        old.Release();
    }

    public void SetBackingChild(IBlockChild? backing) => _image.Backing = backing;

    public override async ValueTask DisposeAsync()
    {
        if (_cleaner is not null) await _cleaner.DisposeAsync().ConfigureAwait(false);
        await _image.DisposeAsync().ConfigureAwait(false);
        _image.Settings.Encryption?.Cipher?.Dispose();
        _journal.Dispose();
    }

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        // Made for each use: a reopen exchanges the image.
        facet = typeof(T) == typeof(IBitmapStore) ? new BitmapStore(_image, _journal) as T
            : typeof(T) == typeof(IBitmapJournal) ? FindJournal() as T
            : this as T;
        return facet is not null;
    }

    private BitmapJournal? FindJournal() => _image.Settings.BitmapCheckpoint || _journal.IsFollowing ? _journal : null;

    private async ValueTask MarkAndWriteAsync(
        long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        await _journal.MarkAsync(offset, source.Length, cancellationToken).ConfigureAwait(false);
        await (flags.HasFlag(WriteFlags.Compressed)
            ? _image.Compressed.WriteAsync(offset, source, cancellationToken)
            : _image.Writer.WriteAsync(offset, source, cancellationToken)).ConfigureAwait(false);
    }

    private void Watch()
    {
        var image = _image;
        image.Guard.Report = ReportCorruption;
        _cleaner = !_context.NoIo && image.Settings.CacheCleanInterval is { Ticks: > 0 } interval
            ? _context.Host.Clock.CreateTimer(_ => image.TrimCaches(), null, interval, interval)
            : null;
    }

    private static BlockStatusFlags FlagsOf(Extent extent) => extent.Kind switch
    {
        ExtentKind.Unallocated => extent.HostOffset == 0 ? BlockStatusFlags.None : BlockStatusFlags.OffsetValid,
        ExtentKind.Compressed => BlockStatusFlags.Data | BlockStatusFlags.Compressed | BlockStatusFlags.Allocated,
        ExtentKind.Zero when extent.HostOffset == 0 => BlockStatusFlags.Zero | BlockStatusFlags.Allocated,
        ExtentKind.Zero => BlockStatusFlags.Zero | BlockStatusFlags.OffsetValid | BlockStatusFlags.Allocated,
        _ => BlockStatusFlags.Data | BlockStatusFlags.OffsetValid | BlockStatusFlags.Allocated,
    };

    private async ValueTask<Extent> LookupAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        var extent = await _image.Map.LookupAsync(offset, bytes, splitOwned: false, cancellationToken).ConfigureAwait(false);
        return extent.Kind == ExtentKind.Invalid ? throw _image.Map.Describe(offset) : extent;
    }

    private BlockProfile MakeProfile()
    {
        var native = _image.Settings.Writable ? Support.Native : Support.None;
        return new BlockProfile
        {
            Length = _image.Length,
            Writable = _image.Settings.Writable,
            Flush = native,
            Fua = _image.Settings.Writable ? Support.Emulate : Support.None,
            WriteZeroes = native,
            WriteZeroesFlags = ZeroFlags.MayUnmap | ZeroFlags.NoFallback | ZeroFlags.Unchanged,
            Discard = native,
            Status = Support.Native,
            Limits = new BlockLimits
            {
                RequestAlignment = _image.Settings.Encryption is null ? 1 : SectorCipher.SectorBytes,
                OptimalTransfer = _image.Geometry.ClusterSize,
                DiscardAlignment = _image.Geometry.ClusterSize,
                WriteZeroesAlignment = _image.Geometry.SubclusterSize,
            },
        };
    }

    private void ReportCorruption(string message, long? offset, long? size, bool fatal)
    {
        _context.ReportCorruption(message, offset, size, fatal);
        if (fatal) _image.MarkCorrupt();
    }
}
