// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Jobs;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Fixture;

[assembly: PluginEntry(typeof(CountPlugin))]

namespace Fixture;

/// <summary>A third party's job type: it counts, and reads a node while it does.</summary>
public sealed class CountPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        var type = new CountType();
        registry.Add(type);
        registry.Add(QmpCommand.CreateAction(
            "fixture-count", () => CountJson.Default.CountArguments, (call, arguments, cancellationToken) =>
            StartAsync(type, call.Host, arguments, cancellationToken)));
    }

    private static async ValueTask StartAsync(
        CountType type, IPluginHost host, CountArguments arguments, CancellationToken cancellationToken)
    {
        var node = host.Graph.Lookup(device: null, arguments.NodeName);
        node.CheckOperation(BlockHost.Block.Graph.BlockOperations.Other);
        var setup = await host.Jobs.CreateAsync(
            new JobRequest
            {
                Type = type,
                Id = arguments.JobId,
                Flags = JobRequest.FlagsOf(
                arguments.AutoFinalize, arguments.AutoDismiss)
            },
            cancellationToken);
        try
        {
            await setup.HoldAsync(
                "counted",
                node,
                new(BlockPermissions.ConsistentRead, BlockPermissions.All & ~BlockPermissions.Resize),
                cancellationToken);
            await setup.SetSpeedAsync(arguments.Speed ?? 0);
            setup.Start(new CountJob());
        }
        catch
        {
            await setup.FailAsync();
            throw;
        }
    }
}

public sealed class CountType : JobType
{
    public override string Name => "fixture-count";
}

/// <summary>Counts to 100 and is ready; then counts on until it is told to complete.</summary>
public sealed class CountJob : BackgroundJob
{
    private volatile bool _complete;

    public override bool CanComplete => true;

    public override void Complete() => _complete = true;

    public override bool Cancel(bool force, bool isReady) => force || !isReady;

    public override async Task RunAsync(IJobContext context, CancellationToken cancellationToken)
    {
        context.SetRemaining(100);
        for (var i = 0; !_complete && !context.IsCancelRequested; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (i < 100)
                context.AddProgress(1);
            else if (i == 100)
                context.SetReady();
            await context.ThrottleAsync(1);
            if (i >= 100)
                await context.SleepAsync(TimeSpan.FromMilliseconds(5));
        }

        cancellationToken.ThrowIfCancellationRequested();
    }
}

public sealed record CountArguments
{
    public required string JobId { get; init; }

    public required string NodeName { get; init; }

    public long? Speed { get; init; }

    public bool? AutoFinalize { get; init; }

    public bool? AutoDismiss { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower)]
[JsonSerializable(typeof(CountArguments))]
internal sealed partial class CountJson : JsonSerializerContext;
