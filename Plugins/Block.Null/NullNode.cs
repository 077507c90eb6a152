// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Block.Null;

/// <summary>A disk that takes everything and keeps nothing: measures what the layers above it cost.</summary>
internal sealed class NullNode : BlockNode, IImageInfo, IReopenable
{
    private readonly NullOptions _options;
    private readonly string? _fileName;
    private readonly TimeProvider _clock;
    private readonly TimeSpan _latency;

    internal NullNode(IBlockNodeContext context, NullOptions options, string driver)
    {
        const int SectorSize = 512;
        const int NanosecondsPerTick = 100;
        _options = options;
        _clock = context.Host.Clock;
        _latency = TimeSpan.FromTicks(
            options.LatencyNs / NanosecondsPerTick + (options.LatencyNs % NanosecondsPerTick > 0 ? 1 : 0));
        _fileName = options is { Size: null, ReadZeroes: false } ? driver + "://" : null;
        var size = options.Size ?? NullOptions.DefaultSize;
        Profile = new BlockProfile
        {
            Length = size > long.MaxValue - SectorSize ? size : (size + SectorSize - 1) / SectorSize * SectorSize,
            Writable = !context.ReadOnly,
            Flush = Support.Native,
            Fua = Support.Native,
            WriteZeroes = Support.Native,
            WriteZeroesFlags = ZeroFlags.MayUnmap | ZeroFlags.NoFallback | ZeroFlags.Fua | ZeroFlags.Unchanged,
            Status = Support.Native,
            Concurrency = Concurrency.Parallel,
        };
    }

    public override BlockProfile Profile { get; }

    public override string? FileName => _fileName;

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        if (_options.ReadZeroes && (flags & ReadFlags.Prefetch) == 0)
            target.Clear();
        return TakeTime(cancellationToken);
    }

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        TakeTime(cancellationToken);

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => TakeTime(cancellationToken);

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        TakeTime(cancellationToken);

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        var flags = _options.ReadZeroes
            ? BlockStatusFlags.Zero | BlockStatusFlags.Allocated | BlockStatusFlags.OffsetValid
            : BlockStatusFlags.None;
        return new(new BlockStatus(bytes, flags, offset));
    }

    public ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken) => new(new ImageFacts { AllocatedSize = 0 });

    public ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var wanted = options.Deserialize(NullJson.Default.NullOptions)!;
        CheckUnchanged(options, "size", wanted.Size == _options.Size);
        CheckUnchanged(options, "latency-ns", wanted.LatencyNs == _options.LatencyNs);
        CheckUnchanged(options, "read-zeroes", wanted.ReadZeroes == _options.ReadZeroes);
        return new(new NoChange());
    }

    private static void CheckUnchanged(JsonElement options, string name, bool isSame)
    {
        if (isSame)
            return;
        throw new BlockException(
            BlockErrorKind.InvalidArgument,
            options.TryGetProperty(name, out _) ? $"Cannot change the option '{name}'" : $"Option '{name}' cannot be reset to its default value");
    }

    private ValueTask TakeTime(CancellationToken cancellationToken) =>
        _latency == TimeSpan.Zero ? default : new ValueTask(Task.Delay(_latency, _clock, cancellationToken));

    private sealed class NoChange : IReopenStep
    {
        public void Commit()
        {
        }

        public ValueTask AbortAsync() => ValueTask.CompletedTask;
    }
}
