// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Filter.Preallocate;

/// <summary>QAPI BlockdevOptionsPreallocate.</summary>
public sealed record PreallocateOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>The file ends at a multiple of this; absent: 1 MiB.</summary>
    public long? PreallocAlign { get; init; }

    /// <summary>So many bytes are taken beyond what is needed; absent: 128 MiB.</summary>
    public long? PreallocSize { get; init; }
}

/// <summary>The driver "preallocate": a file that grows ahead of the writes behind its end.</summary>
internal sealed class PreallocateDriver : BlockDriver<PreallocateOptions>
{
    public override string FormatName => "preallocate";

    public override BlockDriverKind Kind => BlockDriverKind.Filter;

    protected override JsonTypeInfo<PreallocateOptions> TypedOptionsType => PreallocateJson.Default.PreallocateOptions;

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, PreallocateOptions options, CancellationToken cancellationToken)
    {
        const BlockChildRole role = BlockChildRole.Filtered | BlockChildRole.Primary;
        var child = await context.OpenChildAsync("file", role, options.File, cancellationToken).ConfigureAwait(false);
        return new PreallocateNode(child, PreallocateSettings.From(options, child.Profile.Limits.RequestAlignment));
    }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(PreallocateOptions))]
internal sealed partial class PreallocateJson : JsonSerializerContext;
