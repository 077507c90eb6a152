// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Copying.Mirroring.Filter;

internal sealed record MirrorTopOptions
{
    [JsonPropertyName("backing")]
    public required BlockdevRef Backing { get; init; }
}

[JsonSourceGenerationOptions(MaxDepth = QmpJson.MaxDepth)]
[JsonSerializable(typeof(MirrorTopOptions))]
internal sealed partial class MirrorTopJson : JsonSerializerContext;

/// <summary>Makes the one filter node of one job; users cannot name it.</summary>
/// <param name="targetIsBelow">See <see cref="MirrorPlan.TargetIsBelow"/>.</param>
internal sealed class MirrorTopDriver(bool targetIsBelow) : BlockDriver<MirrorTopOptions>
{
    /// <summary>The node, once it is open.</summary>
    public MirrorTopNode? Node { get; private set; }

    public override string FormatName => "mirror_top";

    public override BlockDriverKind Kind => BlockDriverKind.Filter;

    public override Concurrency Concurrency => Concurrency.Parallel;

    protected override JsonTypeInfo<MirrorTopOptions> TypedOptionsType => MirrorTopJson.Default.MirrorTopOptions;

    protected override async ValueTask<BlockNode> OpenAsync(IBlockNodeContext context, MirrorTopOptions options, CancellationToken cancellationToken)
    {
        var child = await context.OpenChildAsync("backing", BlockChildRole.Filtered | BlockChildRole.Primary, options.Backing, cancellationToken).ConfigureAwait(false);
        return Node = new MirrorTopNode(child, targetIsBelow);
    }
}
