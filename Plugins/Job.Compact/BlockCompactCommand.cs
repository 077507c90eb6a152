// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Compact;

/// <summary>x-blockhost-block-compact: starts the job.</summary>
internal static class BlockCompactCommand
{
    // Guests go on; nobody else changes the image's length meanwhile.
    private static readonly BlockPermissionSet Beside = new(
        BlockPermissions.None, BlockPermissions.All & ~BlockPermissions.Resize);

    public static QmpCommand Create(CompactJobType type) => QmpCommand.CreateAction(
        "x-blockhost-block-compact",
        () => CompactJson.Default.BlockCompactArguments,
        (call, arguments, cancellationToken) => StartAsync(type, call.Host, arguments, cancellationToken),
        features: ["unstable"]);

    private static async ValueTask StartAsync(
        CompactJobType type, IPluginHost host, BlockCompactArguments arguments, CancellationToken cancellationToken)
    {
        var node = host.Graph.Lookup(arguments.Device, arguments.Device);
        node.CheckOperation(BlockOperations.Resize);
        if (!node.TryGetFacet<IImageCompaction>(out var image))
            throw new QmpException($"Images of driver '{node.Driver.FormatName}' cannot be compacted");
        if (node.ReadOnly)
            throw new QmpException($"Node '{node.Name}' is read-only");
        var request = new JobRequest
        {
            Type = type,
            Id = JobRequest.IdOrDefault(arguments.JobId, host.Graph, node),
            Flags = JobRequest.FlagsOf(arguments.AutoFinalize, arguments.AutoDismiss),
        };
        var setup = await host.Jobs.CreateAsync(request, cancellationToken).ConfigureAwait(false);
        try
        {
            await setup.SetSpeedAsync(arguments.Speed ?? 0).ConfigureAwait(false);
            await setup.HoldAsync("main node", node, Beside, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await setup.FailAsync().ConfigureAwait(false);
            throw;
        }

        setup.Start(new CompactJob(image, node.Name, host.Loggers.CreateLogger("")));
    }
}

internal sealed record BlockCompactArguments
{
    public string? JobId { get; init; }

    /// <summary>A device or node.</summary>
    public required string Device { get; init; }

    /// <summary>Bytes a second that are moved; 0: no limit.</summary>
    public long? Speed { get; init; }

    public bool? AutoFinalize { get; init; }

    public bool? AutoDismiss { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(BlockCompactArguments))]
internal sealed partial class CompactJson : JsonSerializerContext;
