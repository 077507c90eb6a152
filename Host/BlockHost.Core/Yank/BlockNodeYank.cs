// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Qmp;
using BlockHost.Yank;

namespace BlockHost.Core.Yank;

/// <summary>
/// The yank type "block-node", which is the host's: a node of any driver that asks for it
/// (<see cref="BlockHost.Block.IBlockNodeContext.OnYank"/>) is an instance.
/// </summary>
internal sealed class BlockNodeYank : YankInstanceProvider
{
    private const string Type = "block-node";

    public override string InstanceType => Type;

    public override JsonTypeInfo? IdentityType => BlockNodeYankJson.Default.BlockNodeIdentity;

    public static YankInstance InstanceOf(string nodeName) =>
        new(Type, QmpJson.WriteObject(writer => writer.WriteString("node-name", nodeName)));
}

/// <summary>QAPI struct YankInstanceBlockNode.</summary>
internal sealed record BlockNodeIdentity
{
    public required string NodeName { get; init; }
}

[JsonSourceGenerationOptions(MaxDepth = QmpJson.MaxDepth, PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower)]
[JsonSerializable(typeof(BlockNodeIdentity))]
internal sealed partial class BlockNodeYankJson : JsonSerializerContext;
