// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Core.Block.Bitmaps;
using BlockHost.Core.Block.Io;

namespace BlockHost.Core.Block;

/// <summary>What the data path looks at for every request, worked out when the node's profile changes.</summary>
internal sealed partial class GraphNode
{
    private BlockProfile _profile = new() { Length = 0 };
    private long _length;
    private long _alignmentMask;
    private long _maxTransfer = long.MaxValue;
    private bool _plainReads;
    private bool _plainWrites;
    private bool _nativeFua;
    private bool _skipsFlush;
    private Concurrency _concurrency = Concurrency.Parallel;

    public RequestGate Gate { get; private set; } = RequestGate.Unlimited;

    /// <summary>Takes the events that are fired at the node; null nearly always.</summary>
    public IBlockEventTarget? EventTarget { get; private set; }

    public BlockProfile Profile => Volatile.Read(ref _profile);

    public long Length => Volatile.Read(ref _length);

    /// <summary>Takes over what the driver's node says of itself now, here and in the nodes above.</summary>
    public void RefreshProfile()
    {
        lock (_graph.Profiles)
            TakeProfile();
    }

    private void TakeProfile()
    {
        var profile = CheckProfile(Node.Profile);
        var before = Length;
        TakeConcurrency(Narrowed(profile.Concurrency));
        _alignmentMask = profile.Limits.RequestAlignment - 1L;
        _maxTransfer = LargestTransfer(profile.Limits);
        _nativeFua = profile.Fua == Support.Native;
        _skipsFlush = profile.Flush == Support.None || (Generic.CacheNoFlush && Driver.Kind == BlockDriverKind.Protocol);
        var plain = Gate.IsUnlimited && profile.Limits.MemoryAlignment <= 1;
        EventTarget = Node.TryGetFacet<IBlockEventTarget>(out var target) ? target : null;
        plain &= EventTarget is null;
        _plainReads = plain && !TracksReads;
        _plainWrites = plain && _alignmentMask == 0 && Generic.DetectZeroes == DetectZeroes.Off && profile.Writable
            && Generic is { ReadOnly: false, Active: true };
        Volatile.Write(ref _profile, profile);
        Volatile.Write(ref _length, profile.Length);
        foreach (var edge in ParentEdges)
            edge.ParentNode?.ChildProfileChanged();
        if (before == profile.Length)
            return;
        Bitmaps.FollowLength();
        TellBackends();
    }

    /// <summary>
    /// Changes the length through the driver, without the graph's lock: for parents inside a request or resize of their own.
    /// </summary>
    public async ValueTask ResizeDirectAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        if (!TryGetFacet<IResizable>(out var resizable))
            throw new BlockException(BlockErrorKind.NotSupported, "Image format driver does not support resize")
            { NodeName = Name };
        if (ReadOnly)
            throw new BlockException(BlockErrorKind.ReadOnly, "Image is read-only") { NodeName = Name };
        _graph.RequireActive(this);
        // What is added must not show the part of a longer backing file that nobody has seen.
        if (length > Length && BackingLink is { } backing && backing.Child.Length > Length)
            options = options with { ZeroNewArea = true };
        BitmapPersistence.CheckResize(Bitmaps);
        await resizable.ResizeAsync(length, options, cancellationToken).ConfigureAwait(false);
        RefreshProfile();
    }

    // The same gate for as long as the promise is the same: requests may be inside it.
    private void TakeConcurrency(Concurrency concurrency)
    {
        if (concurrency == _concurrency)
            return;
        _concurrency = concurrency;
        Gate = _graph.Gates.For(Driver, concurrency);
    }

    private void ChildProfileChanged()
    {
        // A node that is still opening, or closing, asks its children itself.
        if (_node is not null && !IsClosed)
            RefreshProfile();
    }

    private void TellBackends()
    {
        foreach (var edge in ParentEdges)
        {
            if (edge is RootLink root)
                root.Backend.OnResized();
        }
    }

    /// <summary>
    /// A completed write that ended past the length has made the node longer: by whole sectors where its driver counts in these.
    /// </summary>
    private void GrowTo(long end)
    {
        var length = Length;
        if (end <= length)
            return;
        end = Math.Max(end, Node.Profile.Length);
        while (end > length)
        {
            var seen = Interlocked.CompareExchange(ref _length, end, length);
            if (seen == length)
            {
                Bitmaps.FollowLength();
                return;
            }

            length = seen;
        }
    }

    private Concurrency Narrowed(Concurrency node) => node < Driver.Concurrency ? node : Driver.Concurrency;

    private static long LargestTransfer(BlockLimits limits) =>
        limits.MaxTransfer <= 0
            ? long.MaxValue
            : Math.Max(limits.RequestAlignment, limits.MaxTransfer / limits.RequestAlignment * limits.RequestAlignment);

    private BlockProfile CheckProfile(BlockProfile profile)
    {
        var limits = profile.Limits;
        if (profile.Length < 0)
            throw Unsound($"a length of {profile.Length}");
        if (limits.RequestAlignment < 1 || !int.IsPow2(limits.RequestAlignment))
            throw Unsound($"a request alignment of {limits.RequestAlignment}");
        if (limits.MemoryAlignment < 1 || !int.IsPow2(limits.MemoryAlignment))
            throw Unsound($"a memory alignment of {limits.MemoryAlignment}");
        return profile;
    }

    private BlockException Unsound(string what) =>
        new(BlockErrorKind.InvalidArgument, $"Driver '{Driver.FormatName}' gives node '{Name}' {what}") { NodeName = Name };
}
