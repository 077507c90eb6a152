// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;

namespace BlockHost.Plugins.Filter.Blkverify;

/// <summary>The driver "blkverify": an image under test beside a copy that is believed.</summary>
internal sealed class BlkverifyDriver : BlockDriver<BlkverifyOptions>
{
    private const string Prefix = "blkverify";

    public override string FormatName => "blkverify";

    public override BlockDriverKind Kind => BlockDriverKind.Filter;

    public override IReadOnlyList<string> FileNamePrefixes => [Prefix];

    protected override JsonTypeInfo<BlkverifyOptions> TypedOptionsType => BlkverifyJson.Default.BlkverifyOptions;

    /// <summary>blkverify:RAW:TEST.</summary>
    public override bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options)
    {
        var names = fileName[(Prefix.Length + 1)..].Split(':', 2);
        if (names.Length < 2)
            throw new BlockException(BlockErrorKind.InvalidArgument, "blkverify requires raw copy and original image path");
        var parsed = new JsonObject
        {
            ["raw"] = new JsonObject { ["filename"] = names[0] },
            ["test"] = new JsonObject { ["filename"] = names[1] },
        };
        options = parsed.Deserialize(BlkverifyJson.Default.JsonElement);
        return true;
    }

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, BlkverifyOptions options, CancellationToken cancellationToken)
    {
        const BlockChildRole role = BlockChildRole.Filtered | BlockChildRole.Primary;
        var raw = await context.OpenChildAsync("raw", role, options.Raw, cancellationToken).ConfigureAwait(false);
        var test = await context.OpenChildAsync(
            "test", BlockChildRole.Data, options.Test, cancellationToken).ConfigureAwait(false);
        return new BlkverifyNode(context, test, raw);
    }
}
