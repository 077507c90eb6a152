// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;

namespace BlockHost.Graph.Tests.Fakes;

internal sealed record CountingOptions
{
    [JsonPropertyName("file")]
    public required BlockdevRef File { get; init; }
}

/// <summary>A filter whose nodes count writes here; not registered, as filters of jobs are not.</summary>
internal sealed class CountingDriver : BlockDriver<CountingOptions>
{
    public int Writes { get; set; }

    public override string FormatName => "counting";

    public override BlockDriverKind Kind => BlockDriverKind.Filter;

    public override Concurrency Concurrency => Concurrency.Parallel;

    protected override JsonTypeInfo<CountingOptions> TypedOptionsType => FakesJson.Default.CountingOptions;

    protected override async ValueTask<BlockNode> OpenAsync(IBlockNodeContext context, CountingOptions options, CancellationToken cancellationToken) =>
        new CountingNode(this, await context.OpenChildAsync("file", BlockChildRole.Filtered | BlockChildRole.Primary, options.File, cancellationToken));

    private sealed class CountingNode(CountingDriver driver, IBlockChild child) : BlockFilterNode(child)
    {
        public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
        {
            driver.Writes++;
            return base.WriteAsync(offset, source, flags, cancellationToken);
        }
    }
}
