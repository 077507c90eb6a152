// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;

namespace BlockHost.Conformance.Tests.Sample;

/// <summary>
/// The smallest format that exercises all of the kit: a header, then the data as it is. With a defect it breaks
/// exactly one rule.
/// <code>
///   0 ┌────────────────┐
///     │ header, 4 KiB  │
///     ├────────────────┤
///     │ data           │
/// </code>
/// </summary>
internal sealed class SampleDriver(Defect defect = Defect.None) : BlockDriver
{
    public const int HeaderLength = 4096;

    public override string FormatName => "sample";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    public override Concurrency Concurrency =>
        defect == Defect.WidensConcurrency ? Concurrency.SerializeNode : Concurrency.Parallel;

    public override JsonTypeInfo OptionsType =>
        defect == Defect.SwallowsOptions ? SampleJson.Default.GreedyOptions : SampleJson.Default.SampleOptions;

    public override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var file = options.Deserialize(SampleJson.Default.SampleOptions)!.File;
        var child = await context.OpenChildAsync("file", BlockChildRole.Image, file, cancellationToken);
        if (defect == Defect.MarksReadOnlyImage)
        {
            try
            {
                await child.WriteAsync(0, new byte[] { 1 }, WriteFlags.None, cancellationToken);
            }
            catch (BlockException e) when (e.Kind == BlockErrorKind.PermissionDenied)
            {
            }
        }

        return new SampleNode(context, child, defect);
    }
}
