// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Graph.Tests.Fakes;

internal sealed record LayerOptions
{
    [JsonPropertyName("file")]
    public required BlockdevRef File { get; init; }

    [JsonPropertyName("backing")]
    public BlockdevRefOrNull? Backing { get; init; }

    [JsonPropertyName("tag")]
    public string? Tag { get; init; }
}

/// <summary>
/// A format with backing files: 4 KiB blocks, one byte a block in the storage's first block says whether it is allocated.
/// A file listed in <see cref="Recorded"/> has that backing file in its header.
/// </summary>
internal sealed class LayerDriver : BlockDriver<LayerOptions>
{
    public override string FormatName => Name;

    public string Name { get; init; } = "layer";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    public override bool SupportsBacking => true;

    public override IReadOnlyList<string> StrongOptions => ["tag"];

    public Dictionary<string, BackingFileReference> Recorded { get; } = [];

    /// <summary>Blocks that are allocated when a file is opened.</summary>
    public Dictionary<string, int[]> Allocated { get; } = [];

    /// <summary>How often nodes were asked for their status.</summary>
    public int StatusCalls { get; set; }

    /// <summary>How often nodes were asked what they need of a child.</summary>
    public int PermissionCalls { get; set; }

    public bool Reopenable { get; set; } = true;

    public Exception? FailReopen { get; set; }

    public Func<Task>? BeforeOpenReturns { get; set; }

    public Func<Task>? BeforeClose { get; set; }

    protected override JsonTypeInfo<LayerOptions> TypedOptionsType => FakesJson.Default.LayerOptions;

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, LayerOptions options, CancellationToken cancellationToken)
    {
        var file = await context.OpenChildAsync("file", BlockChildRole.Image, options.File, cancellationToken);
        var recorded = Recorded.GetValueOrDefault(file.FileName);
        var backing = await context.OpenBackingAsync(options.Backing, recorded, cancellationToken);
        if (BeforeOpenReturns is not null)
            await BeforeOpenReturns();
        return new LayerNode(this, context, file, backing, recorded);
    }
}

internal sealed class LayerNode(
    LayerDriver driver, IBlockNodeContext context, IBlockChild file, IBlockChild? backing, BackingFileReference? recorded)
    : BlockNode, IBackingFileStore, IBackingChildHolder, IReopenable
{
    public const int Block = 4096;

    private readonly bool[] _allocated = AllocatedAtOpen(driver, file);
    private IBlockChild? _backing = backing;
    private bool _writable = !context.ReadOnly;

    public override BlockProfile Profile => new()
    {
        Length = file.Length,
        Writable = _writable,
        Flush = Support.Native,
        Status = Support.Native,
        Limits = new BlockLimits { RequestAlignment = Block },
    };

    public BackingFileReference? Backing { get; private set; } = recorded;

    public override async ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        for (long done = 0; done < target.Length; done += Block)
        {
            var piece = target.Slice(done, Block);
            if (_allocated[(offset + done) / Block])
                await file.ReadAsync(offset + done, piece, flags, cancellationToken);
            else if (_backing is not null)
                await _backing.ReadAsync(offset + done, piece, flags, cancellationToken);
            else
                piece.Clear();
        }
    }

    public override async ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        await file.WriteAsync(offset, source, flags, cancellationToken);
        for (long done = 0; done < source.Length; done += Block)
            _allocated[(offset + done) / Block] = true;
    }

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => file.FlushAsync(cancellationToken);

    public override BlockPermissionSet GetChildPermissions(IBlockChild child, BlockPermissionSet own)
    {
        driver.PermissionCalls++;
        return base.GetChildPermissions(child, own);
    }

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        driver.StatusCalls++;
        var end = offset / Block;
        while (end < (offset + bytes) / Block && _allocated[end] == _allocated[offset / Block])
            end++;
        var run = (end * Block) - offset;
        return new(_allocated[offset / Block]
            ? new BlockStatus(run, BlockStatusFlags.Data | BlockStatusFlags.OffsetValid, offset, file)
            : new BlockStatus(run, BlockStatusFlags.None));
    }

    public ValueTask SetBackingAsync(BackingFileReference? backing, CancellationToken cancellationToken)
    {
        Backing = backing;
        return ValueTask.CompletedTask;
    }

    public void SetBackingChild(IBlockChild? backing) => _backing = backing;

    public ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, System.Text.Json.JsonElement options, CancellationToken cancellationToken)
    {
        if (driver.FailReopen is not null)
            throw driver.FailReopen;
        return new(new Step(this, !context.ReadOnly));
    }

    public override bool TryGetFacet<T>([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out T? facet)
        where T : class
    {
        if (typeof(T) == typeof(IReopenable) && !driver.Reopenable)
        {
            facet = null;
            return false;
        }

        return base.TryGetFacet(out facet);
    }

    public override ValueTask DisposeAsync() => driver.BeforeClose is { } before ? new(before()) : ValueTask.CompletedTask;

    private static bool[] AllocatedAtOpen(LayerDriver driver, IBlockChild file)
    {
        var allocated = new bool[file.Length / Block];
        foreach (var block in driver.Allocated.GetValueOrDefault(file.FileName, []))
            allocated[block] = true;
        return allocated;
    }

    private sealed class Step(LayerNode node, bool writable) : IReopenStep
    {
        public void Commit() => node._writable = writable;

        public ValueTask AbortAsync() => ValueTask.CompletedTask;
    }
}
