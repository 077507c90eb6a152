// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Copying;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Backup.Filter;

internal sealed record BackupFilterOptions
{
    [JsonPropertyName("file")]
    public required BlockdevRef File { get; init; }

    [JsonPropertyName("target")]
    public required BlockdevRef Target { get; init; }
}

/// <summary>The option that names the target.</summary>
internal sealed record BackupFilterTarget([property: JsonPropertyName("target")] string Target);

[JsonSourceGenerationOptions(MaxDepth = QmpJson.MaxDepth)]
[JsonSerializable(typeof(BackupFilterOptions))]
[JsonSerializable(typeof(BackupFilterTarget))]
internal sealed partial class BackupFilterJson : JsonSerializerContext;

/// <summary>Makes the one filter node of one job. Users see it as what they can make themselves by the same name.</summary>
internal sealed class BackupFilterDriver : BlockDriver<BackupFilterOptions>
{
    /// <summary>The node, once it is open.</summary>
    public CopyBeforeWriteNode? Node { get; private set; }

    public override string FormatName => "copy-before-write";

    public override BlockDriverKind Kind => BlockDriverKind.Filter;

    public override Concurrency Concurrency => Concurrency.Parallel;

    protected override JsonTypeInfo<BackupFilterOptions> TypedOptionsType => BackupFilterJson.Default.BackupFilterOptions;

    protected override async ValueTask<BlockNode> OpenAsync(IBlockNodeContext context, BackupFilterOptions options, CancellationToken cancellationToken)
    {
        var source = await context.OpenChildAsync("file", BlockChildRole.Filtered | BlockChildRole.Primary, options.File, cancellationToken).ConfigureAwait(false);
        var target = await context.OpenChildAsync("target", BlockChildRole.Data, options.Target, cancellationToken).ConfigureAwait(false);
        return Node = new CopyBeforeWriteNode(source, target);
    }
}
