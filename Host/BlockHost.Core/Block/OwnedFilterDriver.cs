// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Core.Block;

/// <summary>Opens a node that its owner makes: no user can name it, and it takes no options.</summary>
internal sealed class OwnedFilterDriver(
    string name, string childOption, string child, FilterFactory<BlockNode> make) : BlockDriver
{
    public override string FormatName => name;

    public override BlockDriverKind Kind => BlockDriverKind.Filter;

    public override JsonTypeInfo OptionsType => NoOptionsJson.Default.NoOptions;

    public override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        const BlockChildRole filtered = BlockChildRole.Filtered | BlockChildRole.Primary;
        var below = await context.OpenChildAsync(
            childOption, filtered, BlockdevRef.To(child), cancellationToken).ConfigureAwait(false);
        return await make(context, below, cancellationToken).ConfigureAwait(false);
    }
}

internal sealed record NoOptions;

[JsonSerializable(typeof(NoOptions))]
internal sealed partial class NoOptionsJson : JsonSerializerContext;
