// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins;
using Fixture;

[assembly: PluginEntry(typeof(DuplicateDriverPlugin))]

namespace Fixture;

/// <summary>Provides a driver whose name another plugin's driver has.</summary>
public sealed class DuplicateDriverPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new OtherZeroesDriver());
}

public sealed record NoOptions;

[JsonSerializable(typeof(NoOptions))]
internal sealed partial class FixtureJson : JsonSerializerContext;

public sealed class OtherZeroesDriver : BlockDriver
{
    public override string FormatName => "fixture-zeroes";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    public override JsonTypeInfo OptionsType => FixtureJson.Default.NoOptions;

    public override ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken) =>
        throw new BlockException(BlockErrorKind.NotSupported, "never opened");
}
