// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Commit.Filter;

internal sealed record CommitTopOptions
{
    [JsonPropertyName("backing")]
    public required BlockdevRef Backing { get; init; }
}

[JsonSourceGenerationOptions(MaxDepth = QmpJson.MaxDepth)]
[JsonSerializable(typeof(CommitTopOptions))]
internal sealed partial class CommitTopJson : JsonSerializerContext;

/// <summary>Makes the node that holds the place over the top image while it is committed; users cannot name it.</summary>
internal sealed class CommitTopDriver : BlockDriver<CommitTopOptions>
{
    public override string FormatName => "commit_top";

    public override BlockDriverKind Kind => BlockDriverKind.Filter;

    public override Concurrency Concurrency => Concurrency.Parallel;

    protected override JsonTypeInfo<CommitTopOptions> TypedOptionsType => CommitTopJson.Default.CommitTopOptions;

    protected override async ValueTask<BlockNode> OpenAsync(IBlockNodeContext context, CommitTopOptions options, CancellationToken cancellationToken) =>
        new CommitTopNode(await context.OpenChildAsync("backing", BlockChildRole.Filtered | BlockChildRole.Primary, options.Backing, cancellationToken).ConfigureAwait(false));
}

/// <summary>Reads pass through. What its users see stays the same whichever image holds it, so it asks nothing of those below.</summary>
internal sealed class CommitTopNode(IBlockChild child) : BlockFilterNode(child)
{
    public override BlockPermissionSet GetChildPermissions(IBlockChild child, BlockPermissionSet own) => BlockPermissionSet.None;
}
