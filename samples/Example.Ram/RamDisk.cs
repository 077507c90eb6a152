// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins;

[assembly: PluginEntry(typeof(Example.Ram.RamPlugin))]

namespace Example.Ram;

public sealed class RamPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new RamDriver());
}

/// <summary>What blockdev-add takes beside the members that every driver has; bytes.</summary>
public sealed record RamOptions
{
    public required long Size { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower)]
[JsonSerializable(typeof(RamOptions))]
internal sealed partial class RamJson : JsonSerializerContext;

/// <summary>The driver "example-ram": <c>{"driver": "example-ram", "node-name": "scratch", "size": 1073741824}</c>.</summary>
public sealed class RamDriver : BlockDriver<RamOptions>
{
    public override string FormatName => "example-ram";
    public override BlockDriverKind Kind => BlockDriverKind.Protocol;
    protected override JsonTypeInfo<RamOptions> TypedOptionsType => RamJson.Default.RamOptions;

    protected override ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, RamOptions options, CancellationToken cancellationToken) =>
        options.Size is >= 0 and <= 1L << 40 && options.Size % RamNode.PageSize == 0
            ? new(new RamNode(options.Size, writable: !context.ReadOnly))
            : throw new BlockException(BlockErrorKind.InvalidArgument, "Parameter 'size' expects pages of 4 KiB, up to 1 TiB");
}

/// <summary>
/// A disk of pages; one that was never written is a hole. The host cuts requests into pages, and sends one at a time.
/// </summary>
public sealed class RamNode(long size, bool writable) : BlockNode
{
    public const int PageSize = 4096;
    private readonly Dictionary<long, byte[]> _pages = [];

    public override BlockProfile Profile { get; } = new()
    {
        Length = size,
        Writable = writable,
        Status = Support.Native,
        Concurrency = Concurrency.SerializeNode,
        Limits = new() { RequestAlignment = PageSize, MaxTransfer = PageSize },
    };

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        if (_pages.TryGetValue(offset, out var page))
            target.CopyFrom(page);
        else
            target.Clear();
        return ValueTask.CompletedTask;
    }

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        source.CopyTo(_pages[offset] = new byte[PageSize]);
        return ValueTask.CompletedTask;
    }

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) =>
        new(new BlockStatus(
            PageSize,
            BlockStatusFlags.Allocated | (_pages.ContainsKey(offset) ? BlockStatusFlags.Data : BlockStatusFlags.Zero)));
}
