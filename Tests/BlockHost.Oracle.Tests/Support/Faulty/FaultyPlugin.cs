// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Microsoft.Extensions.Logging;

namespace BlockHost.Oracle.Tests.Support.Faulty;

/// <summary>Throws what the contract does not know, wherever it is called.</summary>
internal sealed class FaultyPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        registry.Add(new FaultyDriver());
        registry.Add(QmpCommand.CreateAction("test-faulty", (_, _) => throw new NullReferenceException("in command")));
    }

    public override ValueTask StartAsync(IPluginHost host, CancellationToken cancellationToken)
    {
        host.Loggers.CreateLogger("life").LogInformation("started");
        return ValueTask.CompletedTask;
    }

    public override ValueTask StopAsync(CancellationToken cancellationToken) => throw new InvalidOperationException("in stop");
}

internal sealed record FaultyOptions
{
    public bool Open { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower)]
[JsonSerializable(typeof(FaultyOptions))]
internal sealed partial class FaultyJson : JsonSerializerContext;

internal sealed class FaultyDriver : BlockDriver<FaultyOptions>
{
    public override string FormatName => "faulty";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    protected override JsonTypeInfo<FaultyOptions> TypedOptionsType => FaultyJson.Default.FaultyOptions;

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, FaultyOptions options, CancellationToken cancellationToken)
    {
        await Task.Yield();
        return options.Open ? throw new NullReferenceException("in open") : new FaultyNode();
    }
}

internal sealed class FaultyNode : BlockNode
{
    public override BlockProfile Profile { get; } = new() { Length = 1 << 20 };

    public override async ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        await Task.Yield();
        throw new InvalidOperationException("in read");
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
