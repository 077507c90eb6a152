// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Block.Raw;

/// <summary>The driver "raw": the bytes of the storage, or of a window in it, are the disk.</summary>
internal sealed class RawDriver : BlockDriver<RawOptions>, IImageCreator, IImageMeasure
{
    public override string FormatName => "raw";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    public override bool IsPlain => true;

    public override IReadOnlyList<string> StrongOptions => ["offset", "size"];

    public JsonTypeInfo CreateOptionsType => RawJson.Default.RawCreateOptions;

    /// <summary>Preallocation is the storage's, which tools make first.</summary>
    public IReadOnlyList<CreateOption> CreateOptions { get; } = [new("size", CreateOptionKind.Size, "Virtual disk size", "size")];

    protected override JsonTypeInfo<RawOptions> TypedOptionsType => RawJson.Default.RawOptions;

    /// <summary>Anything can be raw, so everybody else's claim is better.</summary>
    public override int Probe(ReadOnlySpan<byte> head, string? fileName) => 1;

    public async ValueTask CreateAsync(IImageCreateContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var typed = options.Deserialize(RawJson.Default.RawCreateOptions)!;
        if (typed.Size < 0)
            throw new BlockException(ParameterFault.OutOfRange("size", "a non-negative number below 2^64"));
        var file = await context.OpenStorageAsync(typed.File, cancellationToken).ConfigureAwait(false);
        await file.ResizeAsync(0, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        await file.ResizeAsync(
            Window.RoundUp(typed.Size),
            new ResizeOptions(typed.Preallocation, MayExceed: true),
            cancellationToken).ConfigureAwait(false);
    }

    public ValueTask<ImageMeasure> MeasureAsync(
        JsonElement createOptions, IBlockChild? source, CancellationToken cancellationToken)
    {
        var size = source?.Length ?? (createOptions.TryGetProperty("size", out var given) ? given.GetInt64() : 0);
        var length = Window.RoundUp(size);
        return new(new ImageMeasure(length, length));
    }

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, RawOptions options, CancellationToken cancellationToken)
    {
        // Without a window the image is its storage, as under a filter: users' permissions go through as they are.
        var isWhole = options is { Offset: null or 0, Size: null };
        var role = BlockChildRole.Primary | (isWhole ? BlockChildRole.Filtered : BlockChildRole.Data);
        var file = await context.OpenChildAsync("file", role, options.File, cancellationToken).ConfigureAwait(false);
        return new RawNode(context, file, Window.From(options, file.Length));
    }
}
