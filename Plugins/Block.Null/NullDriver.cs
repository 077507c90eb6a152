// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Null;

/// <summary>The drivers "null-co" and "null-aio". In QEMU they differ in how they wait; here both are the same.</summary>
internal sealed class NullDriver(string name) : BlockDriver<NullOptions>
{
    /// <summary>The longest delay a timer takes.</summary>
    private const long MaxLatencyNs = uint.MaxValue * 1_000_000L - 2_000_000L;

    public override string FormatName => name;

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    public override IReadOnlyList<string> FileNamePrefixes => [name];

    public override IReadOnlyList<string> StrongOptions => ["size", "read-zeroes"];

    protected override JsonTypeInfo<NullOptions> TypedOptionsType => NullJson.Default.NullOptions;

    public override bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options)
    {
        if (fileName != name + "://")
            throw Invalid($"The only allowed filename for this driver is '{name}://'");
        options = JsonDocument.Parse("{}").RootElement;
        return true;
    }

    protected override ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, NullOptions options, CancellationToken cancellationToken)
    {
        if (options.Size < 0)
            throw new BlockException(ParameterFault.OutOfRange("size", "a non-negative number below 2^64"));
        if (options.LatencyNs is < 0 or > MaxLatencyNs)
            throw Invalid("latency-ns is invalid");
        return new(new NullNode(context, options, name));
    }

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
