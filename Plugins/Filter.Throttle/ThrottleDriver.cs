// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins.Filter.Throttle.Group;
using BlockHost.Plugins.Filter.Throttle.Limits;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Filter.Throttle;

/// <summary>QAPI BlockdevOptionsThrottle.</summary>
public sealed record ThrottleOptions
{
    /// <summary>Id of an object of type "throttle-group".</summary>
    public required string ThrottleGroup { get; init; }

    public required BlockdevRef File { get; init; }
}

/// <summary>The driver "throttle": a disk whose requests wait as the limits of its group want it.</summary>
internal sealed class ThrottleDriver : BlockDriver<ThrottleOptions>
{
    public override string FormatName => "throttle";

    public override BlockDriverKind Kind => BlockDriverKind.Filter;

    /// <summary>They are passed on; the image says whether it can.</summary>
    public override bool SupportsCompressedWrites => true;

    public override IReadOnlyList<string> StrongOptions => ["throttle-group"];

    protected override JsonTypeInfo<ThrottleOptions> TypedOptionsType => ThrottleJson.Default.ThrottleOptions;

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, ThrottleOptions options, CancellationToken cancellationToken)
    {
        const BlockChildRole role = BlockChildRole.Filtered | BlockChildRole.Primary;
        var child = await context.OpenChildAsync("file", role, options.File, cancellationToken).ConfigureAwait(false);
        return new ThrottleNode(child, Join(context, options));
    }

    /// <exception cref="BlockException">There is no such group.</exception>
    internal static ThrottleMember Join(IBlockNodeContext context, ThrottleOptions options) =>
        context.Host.Objects.TryGet<ThrottleGroup>(options.ThrottleGroup, out var group) && group.TryJoin(out var member)
            ? member
            : throw new BlockException(
                BlockErrorKind.InvalidArgument, $"Throttle group '{options.ThrottleGroup}' does not exist");
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(ThrottleOptions))]
[JsonSerializable(typeof(ThrottleGroupOptions))]
internal sealed partial class ThrottleJson : JsonSerializerContext;
