// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Fixture;

[assembly: PluginEntry(typeof(OrdinaryPlugin))]

namespace Fixture;

/// <summary>Nothing odd: a driver of zeroes, a command that echoes.</summary>
public sealed class OrdinaryPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        registry.Add(new ZeroesDriver());
        registry.Add(
            QmpCommand.Create(
                "fixture-echo", () => FixtureJson.Default.Echo, () => FixtureJson.Default.Echo, (_, echo, _) => new(echo)));
    }
}

public sealed record Echo(string Text);

public sealed record ZeroesOptions(long Size);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower)]
[JsonSerializable(typeof(Echo))]
[JsonSerializable(typeof(ZeroesOptions))]
internal sealed partial class FixtureJson : JsonSerializerContext;

public sealed class ZeroesDriver : BlockDriver<ZeroesOptions>
{
    public override string FormatName => "fixture-zeroes";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    protected override JsonTypeInfo<ZeroesOptions> TypedOptionsType => FixtureJson.Default.ZeroesOptions;

    protected override ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, ZeroesOptions options, CancellationToken cancellationToken) =>
        new(new ZeroesNode(options.Size));
}

public sealed class ZeroesNode(long size) : BlockNode
{
    public override BlockProfile Profile { get; } = new() { Length = size };

    public override async ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        await Task.Yield();
        foreach (var part in target)
            part.Span.Clear();
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
