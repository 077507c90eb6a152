// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;

namespace BlockHost.Chain.Tests.Disks;

internal sealed record DiskOptions
{
    [JsonPropertyName("filename")]
    public required string FileName { get; init; }
}

[JsonSerializable(typeof(DiskOptions))]
internal sealed partial class DiskJson : JsonSerializerContext;

/// <summary>A protocol of a test's own: disks in memory by file names such as cut:top.</summary>
internal sealed class DiskDriver(string protocol, Func<string, IDisk> disks) : BlockDriver<DiskOptions>
{
    public override string FormatName => protocol;

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    public override IReadOnlyList<string> FileNamePrefixes => [protocol];

    public override IReadOnlyList<string> StrongOptions => ["filename"];

    protected override JsonTypeInfo<DiskOptions> TypedOptionsType => DiskJson.Default.DiskOptions;

    public override bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options)
    {
        options = JsonSerializer.SerializeToElement(
            new DiskOptions { FileName = fileName[(protocol.Length + 1)..] }, DiskJson.Default.DiskOptions);
        return true;
    }

    protected override ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, DiskOptions options, CancellationToken cancellationToken) =>
        new(new DiskNode($"{protocol}:{options.FileName}", disks(options.FileName), context.ReadOnly));
}
