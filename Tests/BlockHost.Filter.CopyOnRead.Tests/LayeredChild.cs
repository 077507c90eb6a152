// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;

namespace BlockHost.Filter.CopyOnRead.Tests;

/// <summary>An image over a backing file, in memory: blocks of the image's own, and below them one byte everywhere.</summary>
internal sealed class LayeredChild(int length, byte below) : IGraphChild, IImageInfo
{
    public const int Cluster = 64;

    private readonly byte[] _data = Enumerable.Repeat(below, length).ToArray();
    private readonly bool[] _own = new bool[length / Cluster];

    public List<(string What, long Offset, long Bytes)> Requests { get; } = [];

    /// <summary>Awaited before a copy is stored.</summary>
    public Func<Task> BeforeCopyIsStored { get; set; } = () => Task.CompletedTask;

    public string Name => "file";

    public BlockChildRole Role => BlockChildRole.Filtered;

    public string NodeName => "image";

    public string DriverName => "qcow2";

    public string FileName => "image.qcow2";

    public BlockProfile Profile { get; } = new() { Length = length, Writable = true };

    public long Length => length;

    public byte this[int offset] => _data[offset];

    public int OwnClusters => _own.Count(own => own);

    public ValueTask ReadAsync(
        long offset, IoSlice target, ReadFlags flags = ReadFlags.None, CancellationToken cancellationToken = default)
    {
        Requests.Add(("read", offset, target.Length));
        target.CopyFrom(_data.AsSpan((int)offset, (int)target.Length));
        return ValueTask.CompletedTask;
    }

    public async ValueTask WriteAsync(
        long offset, IoSlice source, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default)
    {
        if ((flags & WriteFlags.Unchanged) != 0)
            await BeforeCopyIsStored();
        Requests.Add((flags == WriteFlags.Unchanged ? "copy" : "write", offset, source.Length));
        source.CopyTo(_data.AsSpan((int)offset));
        Own(offset, source.Length);
    }

    public ValueTask WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags = ZeroFlags.None, CancellationToken cancellationToken = default)
    {
        Requests.Add(("zeroes", offset, bytes));
        _data.AsSpan((int)offset, (int)bytes).Clear();
        Own(offset, bytes);
        return ValueTask.CompletedTask;
    }

    public ValueTask<ChainStatus> GetChainStatusAsync(
        long offset,
        long bytes,
        StatusPrecision precision = StatusPrecision.WantZero,
        CancellationToken cancellationToken = default)
    {
        var own = _own[offset / Cluster];
        var end = offset - (offset % Cluster) + Cluster;
        while (end < offset + bytes && _own[end / Cluster] == own)
            end += Cluster;
        return new(new ChainStatus(
            IoStatus.Ok,
            Math.Min(end - offset, bytes),
            BlockStatusFlags.Data | BlockStatusFlags.Allocated,
            own ? 0 : 1,
            0,
            null));
    }

    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken = default) =>
        ValueTask.CompletedTask;

    public ValueTask<BlockStatus> GetStatusAsync(
        long offset,
        long bytes,
        StatusPrecision precision = StatusPrecision.WantZero,
        CancellationToken cancellationToken = default) =>
        new(new BlockStatus(bytes, BlockStatusFlags.Data));

    public ValueTask ResizeAsync(long newLength, ResizeOptions options, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken) =>
        new(new ImageFacts { ClusterSize = Cluster });

    public bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = this as T;
        return facet is not null;
    }

    private void Own(long offset, long bytes)
    {
        for (var at = offset / Cluster; at * Cluster < offset + bytes; at++)
            _own[at] = true;
    }
}
