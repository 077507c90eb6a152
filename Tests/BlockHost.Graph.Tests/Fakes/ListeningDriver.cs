// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Graph.Tests.Fakes;

/// <summary>A filter that notes the events fired at it, and the requests between them.</summary>
internal sealed class ListeningDriver(int alignment = 1) : BlockDriver<LayerOptions>
{
    public override string FormatName => "listening";

    public override BlockDriverKind Kind => BlockDriverKind.Filter;

    public override Concurrency Concurrency => Concurrency.Parallel;

    public ListeningNode? Last { get; private set; }

    protected override JsonTypeInfo<LayerOptions> TypedOptionsType => FakesJson.Default.LayerOptions;

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, LayerOptions options, CancellationToken cancellationToken) =>
        Last = new ListeningNode(await context.OpenChildAsync(
            "file", BlockChildRole.Filtered | BlockChildRole.Primary, options.File, cancellationToken), alignment);
}

internal sealed class ListeningNode(IBlockChild child, int alignment) : BlockFilterNode(child), IBlockEventTarget
{
    public List<string> Heard { get; } = [];

    public new IBlockChild Child => base.Child;

    public override BlockProfile Profile => base.Profile with
    {
        Limits = base.Profile.Limits with { RequestAlignment = alignment },
        Flush = Support.Native,
        WriteZeroes = Support.Native,
    };

    public ValueTask OnEventAsync(BlkdebugEvent @event, CancellationToken cancellationToken)
    {
        Heard.Add(@event.ToString());
        return default;
    }

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        Heard.Add("read");
        return base.ReadAsync(offset, target, flags, cancellationToken);
    }

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        Heard.Add("write");
        return base.WriteAsync(offset, source, flags, cancellationToken);
    }

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        Heard.Add("zero");
        return base.WriteZeroesAsync(offset, bytes, flags, cancellationToken);
    }

    public override ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        Heard.Add("flush");
        return base.FlushAsync(cancellationToken);
    }
}
