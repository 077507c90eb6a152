// SPDX-License-Identifier: MIT
using System.Numerics;
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Plugins.Commands.Migration.Format;

namespace BlockHost.Plugins.Commands.Migration.Streams;

/// <summary>
/// The dirty bitmaps that come: made disabled, filled, and enabled when all is there. Given up, none is left.
/// </summary>
internal sealed class IncomingBitmaps(IBlockGraph graph, BitmapNames names) : IDisposable
{
    private const int MaxBitmaps = 65535;

    private readonly List<Received> _bitmaps = [];
    private string? _alias;
    private IGraphNode? _node;
    private Received? _current;
    private bool _isKept;

    /// <summary>Reads the chunks of one part.</summary>
    /// <exception cref="InvalidDataException">They are none, or not for this host.</exception>
    public async ValueTask ReadPartAsync(StreamInput input, CancellationToken cancellationToken)
    {
        while (true)
        {
            int flags = await input.ByteAsync(cancellationToken).ConfigureAwait(false);
            if ((flags & BitmapChunkLayout.MoreFlags) != 0)
                throw new InvalidDataException("A dirty bitmap's chunk has flags that are not known");
            if ((flags & BitmapChunkLayout.End) != 0)
            {
                if (flags != BitmapChunkLayout.End)
                    throw Unknown(flags);
                return;
            }

            await ReadChunkAsync(input, flags, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>All of it has come: from now on the bitmaps are the nodes', and record what they recorded.</summary>
    /// <exception cref="InvalidDataException">A bitmap has not come whole.</exception>
    public void Keep()
    {
        if (_bitmaps.Find(received => !received.IsComplete) is { } cut)
            throw new InvalidDataException($"Dirty bitmap '{cut.Alias}' has not come whole");
        foreach (var received in _bitmaps.Where(received => received.Bitmap is not null))
        {
            received.Hold!.Dispose();
            received.Bitmap!.IsPersistent = received.IsPersistent;
            received.Bitmap.Enabled = received.IsEnabled;
        }

        _isKept = true;
    }

    /// <summary>After <see cref="Keep"/>: the machine does not go on here after all.</summary>
    public void TakeBack() => _bitmaps.ForEach(received => received.Bitmap?.Dispose());

    public void Dispose()
    {
        if (_isKept)
            return;
        foreach (var received in _bitmaps)
        {
            received.Hold?.Dispose();
            received.Bitmap?.Dispose();
        }
    }

    private async ValueTask ReadChunkAsync(StreamInput input, int flags, CancellationToken cancellationToken)
    {
        if ((flags & BitmapChunkLayout.NodeName) != 0)
            await ReadNodeAsync(input, cancellationToken).ConfigureAwait(false);
        string? name = null;
        if ((flags & BitmapChunkLayout.BitmapName) != 0)
            name = await input.NameAsync(cancellationToken).ConfigureAwait(false);
        var what = flags & (BitmapChunkLayout.Start | BitmapChunkLayout.Complete | BitmapChunkLayout.Bits);
        if ((flags & BitmapChunkLayout.Zeroes) != 0 && what != BitmapChunkLayout.Bits)
            throw Unknown(flags);
        if (what == BitmapChunkLayout.Start)
        {
            await StartAsync(input, name ?? throw new InvalidDataException("A dirty bitmap has no name"), cancellationToken)
                .ConfigureAwait(false);
            return;
        }

        if (name is not null || (flags & BitmapChunkLayout.NodeName) != 0)
            _current = _bitmaps.Find(received => received.NodeAlias == _alias && received.Alias == (name ?? _current?.Alias));
        if (_current is not { IsComplete: false } current)
            throw new InvalidDataException("A dirty bitmap's chunk is of none that has begun");
        if (what == BitmapChunkLayout.Complete)
            current.IsComplete = true;
        else if (what == BitmapChunkLayout.Bits)
            await ReadBitsAsync(input, current, (flags & BitmapChunkLayout.Zeroes) != 0, cancellationToken).ConfigureAwait(false);
        else
            throw Unknown(flags);
    }

    private async ValueTask ReadNodeAsync(StreamInput input, CancellationToken cancellationToken)
    {
        _alias = await input.NameAsync(cancellationToken).ConfigureAwait(false);
        if (names.NodeOf(_alias) is not { } name)
            throw new InvalidDataException($"Unknown node alias '{_alias}'");
        _node = graph.Lookup(name, name);
    }

    private async ValueTask StartAsync(StreamInput input, string alias, CancellationToken cancellationToken)
    {
        var granularity = await input.UInt32Async(cancellationToken).ConfigureAwait(false);
        var flags = await input.ByteAsync(cancellationToken).ConfigureAwait(false);
        if (_node is not { } node)
            throw new InvalidDataException("A dirty bitmap is of no node");
        if ((flags & ~(BitmapChunkLayout.Enabled | BitmapChunkLayout.Persistent | BitmapChunkLayout.AutoLoad)) != 0)
            throw new InvalidDataException($"Unknown flags in migrated dirty bitmap header: {flags:x}");
        if (granularity < BitmapChunkLayout.Sector || !BitOperations.IsPow2(granularity))
            throw new InvalidDataException($"A dirty bitmap's granularity of {granularity} is none");
        if (_bitmaps.Count == MaxBitmaps || _bitmaps.Any(other => other.NodeAlias == _alias && other.Alias == alias))
            throw new InvalidDataException($"Dirty bitmap '{alias}' comes twice");
        var received = new Received(_alias!, alias, granularity, node.Length)
        { IsEnabled = (flags & BitmapChunkLayout.Enabled) != 0 };
        _bitmaps.Add(_current = received);
        if (names.BitmapOf(node.Name, alias) is not var (name, persistent))
            return;
        received.IsPersistent = persistent ?? (flags & BitmapChunkLayout.Persistent) != 0;
        if (node.DirtyBitmaps.Find(name) is not null)
            throw new InvalidDataException($"Bitmap with the same name ('{name}') already exists on destination");
        var options = new DirtyBitmapOptions { Name = name, Granularity = granularity, Disabled = true };
        received.Bitmap = await node.DirtyBitmaps.AddAsync(options, cancellationToken).ConfigureAwait(false);
        received.Hold = received.Bitmap.Hold();
    }

    private static async ValueTask ReadBitsAsync(
        StreamInput input, Received received, bool isZero, CancellationToken cancellationToken)
    {
        var first = await input.UInt64Async(cancellationToken).ConfigureAwait(false);
        var count = await input.UInt32Async(cancellationToken).ConfigureAwait(false);
        var perUnit = (ulong)received.Granularity / BitmapChunkLayout.Sector;
        var sectors = (ulong)(received.Length + BitmapChunkLayout.Sector - 1) / BitmapChunkLayout.Sector;
        if (first > sectors || count > sectors - first || count == 0 || first % (perUnit * 64) != 0)
            throw new InvalidDataException($"A dirty bitmap's chunk is of sectors {first} to {first + count} of {sectors}");
        if (isZero)
            return;
        var length = await input.UInt64Async(cancellationToken).ConfigureAwait(false);
        var needed = (count + perUnit - 1) / perUnit / 8 + 1;
        if (length > needed + BitmapChunkLayout.Group || length > BitmapChunkLayout.MaxBits)
            throw new InvalidDataException($"A dirty bitmap's chunk of {length} bytes is too long for {count} sectors");
        var bits = await input.TakeAsync((int)length, cancellationToken).ConfigureAwait(false);
        received.Bitmap?.AddBits((long)(first / perUnit), bits.Span);
    }

    private static InvalidDataException Unknown(int flags) => new($"Unknown flags in a dirty bitmap's chunk: {flags:x}");

    private sealed class Received(string nodeAlias, string alias, long granularity, long length)
    {
        public string NodeAlias => nodeAlias;

        public string Alias => alias;

        public long Granularity => granularity;

        public long Length => length;

        public bool IsEnabled { get; init; }

        public bool IsPersistent { get; set; }

        public bool IsComplete { get; set; }

        /// <summary>Null: it is left out.</summary>
        public IDirtyBitmap? Bitmap { get; set; }

        public IDisposable? Hold { get; set; }
    }
}
