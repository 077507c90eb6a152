// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using System.Numerics;
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;

namespace BlockHost.Core.Block.Bitmaps;

/// <summary>The bitmaps of one node; the part about images is <see cref="BitmapPersistence"/>.</summary>
internal sealed class NodeBitmaps(BlockGraph graph, GraphNode node) : IDirtyBitmaps
{
    private const int MaxNameLength = 1023;
    private const long MinGranularity = 512;
    private const long MaxGranularity = 1L << 31;

    private readonly Lock _lock = new();
    private ImmutableArray<DirtyBitmap> _all = [];

    public GraphNode Node { get; } = node;

    /// <summary>Newest first, those without a name as well.</summary>
    public ImmutableArray<DirtyBitmap> All => _all;

    IReadOnlyList<IDirtyBitmap> IDirtyBitmaps.All => _all;

    IGraphNode IDirtyBitmaps.Node => Node;

    public IReadOnlyList<IDirtyBitmap> Named => [.. _all.Where(bitmap => bitmap.Name is not null)];

    public IDirtyBitmap? Find(string name) => _all.FirstOrDefault(bitmap => bitmap.Name == name);

    public async ValueTask<long> GetDefaultGranularityAsync(CancellationToken cancellationToken)
    {
        const long least = 4096;
        const long most = 65536;
        var facts = await Node.GetFactsAsync(cancellationToken).ConfigureAwait(false);
        return facts.ClusterSize > 0 ? Math.Clamp(facts.ClusterSize, least, most) : most;
    }

    public async ValueTask<IDirtyBitmap> AddAsync(DirtyBitmapOptions options, CancellationToken cancellationToken)
    {
        if (options.Name.Length == 0)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Bitmap name cannot be empty");
        if (options.Granularity is { } given
            && (given < MinGranularity || given > MaxGranularity || !BitOperations.IsPow2(given)))
            throw new BlockException(BlockErrorKind.InvalidArgument, "Granularity must be power of 2 and at least 512");
        await using var change = (await graph.BeginBitmapChangeAsync(
            cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var granularity = options.Granularity ?? await GetDefaultGranularityAsync(cancellationToken).ConfigureAwait(false);
        if (options.Persistent)
            await BitmapPersistence.CheckNewAsync(this, options.Name, granularity, cancellationToken).ConfigureAwait(false);
        if (Find(options.Name) is not null)
            throw new BlockException(BlockErrorKind.AlreadyExists, $"Bitmap already exists: {options.Name}");
        if (System.Text.Encoding.UTF8.GetByteCount(options.Name) > MaxNameLength)
            throw new BlockException(BlockErrorKind.InvalidArgument, $"Bitmap name too long: {options.Name}");
        DirtyBitmap.CheckSize(Node.Length, granularity);
        var bitmap = new DirtyBitmap(this, options.Name, granularity, Node.Length)
        { IsPersistent = options.Persistent, IsEnabled = !options.Disabled };
        var drained = await graph.DrainBrieflyAsync(Node, cancellationToken).ConfigureAwait(false);
        await using (drained.ConfigureAwait(false))
            Insert(bitmap);
        return bitmap;
    }

    public IDirtyBitmap CreateAnonymous(long granularity, bool enabled)
    {
        if (granularity < MinGranularity || granularity > MaxGranularity || !BitOperations.IsPow2(granularity))
            throw new ArgumentOutOfRangeException(nameof(granularity), granularity, "not a power of two from 512 to 2 GiB");
        DirtyBitmap.CheckSize(Node.Length, granularity);
        return Insert(new DirtyBitmap(this, name: null, granularity, Node.Length) { IsEnabled = enabled });
    }

    public async ValueTask<IBitmapRemoval> BeginRemovalAsync(IDirtyBitmap bitmap, CancellationToken cancellationToken)
    {
        await using var change = (await graph.BeginBitmapChangeAsync(
            cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        var own = Own(bitmap);
        if (own is { IsPersistent: true, Name: { } name } && Node.TryGetFacet<IBitmapStore>(out var store))
            await store.RemoveAsync(name, cancellationToken).ConfigureAwait(false);
        own.SkipsStore = true;
        return new Removal(this, own, own.Hold());
    }

    public async ValueTask CheckpointAsync(CancellationToken cancellationToken)
    {
        if (Node.IsClosed || Node.ReadOnly || !Node.TryGetFacet<IBitmapJournal>(out _))
            return;
        var drained = await graph.DrainBrieflyAsync(Node, cancellationToken).ConfigureAwait(false);
        await using var quiet = drained.ConfigureAwait(false);
        try
        {
            await BitmapPersistence.TakeIntoUseAsync(this, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            graph.Warnings.Give($"Bitmaps of node '{Node.Name}' would not outlive a crash: {e.Message}");
        }
    }

    public DirtyBitmap Insert(DirtyBitmap bitmap)
    {
        lock (_lock)
        {
            Publish(_all.Insert(0, bitmap));
            Interlocked.MemoryBarrier();
            if (bitmap.Length != Node.Length)
                bitmap.Resize(Node.Length);
        }

        return bitmap;
    }

    public void Release(DirtyBitmap bitmap)
    {
        lock (_lock)
            Publish(_all.Remove(bitmap));
    }

    public void SetEnabled(DirtyBitmap bitmap, bool enabled)
    {
        lock (_lock)
        {
            bitmap.IsEnabled = enabled;
            Publish(_all);
        }
    }

    public FrozenBitmap Freeze(DirtyBitmap bitmap)
    {
        var successor = new DirtyBitmap(this, name: null, bitmap.Granularity, bitmap.Length);
        lock (_lock)
        {
            if (bitmap.IsBusy)
                bitmap.RequireUsable(BitmapUse.AllowReadOnly | BitmapUse.AllowInconsistent);
            (successor.IsEnabled, bitmap.IsEnabled, bitmap.Successor) = (bitmap.IsEnabled, false, successor);
            Publish(_all.Insert(0, successor));
            return new FrozenBitmap(this, bitmap, successor, bitmap.Hold());
        }
    }

    /// <summary>The successor gets the bitmap's name and place in the image.</summary>
    public void Replace(DirtyBitmap bitmap, DirtyBitmap successor)
    {
        lock (_lock)
        {
            (successor.Name, bitmap.Name) = (bitmap.Name, null);
            (successor.IsPersistent, bitmap.IsPersistent) = (bitmap.IsPersistent, false);
            bitmap.Successor = null;
            Publish(_all.Remove(bitmap));
        }
    }

    /// <summary>The bitmap goes on recording, with what the successor has marked.</summary>
    public void Rejoin(DirtyBitmap bitmap, DirtyBitmap successor)
    {
        lock (_lock)
        {
            (bitmap.IsEnabled, bitmap.Successor) = (successor.IsEnabled, null);
            Publish(_all.Remove(successor));
            successor.HandOver(bitmap);
        }
    }

    /// <summary>The node has another length.</summary>
    public void FollowLength()
    {
        if (_all.IsEmpty)
            return;
        lock (_lock)
        {
            foreach (var bitmap in _all)
                bitmap.Resize(Node.Length);
        }
    }

    private void Publish(ImmutableArray<DirtyBitmap> all)
    {
        _all = all;
        Node.TakeRecorders([.. all.Where(bitmap => bitmap.IsEnabled)]);
    }

    private DirtyBitmap Own(IDirtyBitmap bitmap) =>
        bitmap is DirtyBitmap own && _all.Contains(own)
            ? own
            : throw new ArgumentException($"Bitmap '{bitmap.Name}' is not of node '{Node.Name}'", nameof(bitmap));

    private sealed class Removal(NodeBitmaps owner, DirtyBitmap bitmap, IDisposable hold) : IBitmapRemoval
    {
        public void Commit()
        {
            owner.Release(bitmap);
            hold.Dispose();
        }

        public void Abort()
        {
            bitmap.SkipsStore = false;
            hold.Dispose();
        }
    }
}
