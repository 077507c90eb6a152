// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Block.Facets;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Create;

/// <summary>blockdev-create: starts the job. What is wrong with the options, the job's error says.</summary>
internal static class BlockdevCreateCommand
{
    public static QmpCommand Create(CreateJobType type) => QmpCommand.CreateAction(
        "blockdev-create",
        () => CreateJson.Default.BlockdevCreateArguments,
        (call, arguments, cancellationToken) => StartAsync(type, call.Host, arguments, cancellationToken));

    private static async ValueTask StartAsync(
        CreateJobType type, IPluginHost host, BlockdevCreateArguments arguments, CancellationToken cancellationToken)
    {
        var name = arguments.Options.Json.GetProperty("driver").GetString()!;
        var driver = await host.Graph.FindDriverAsync(name, cancellationToken).ConfigureAwait(false)
            ?? throw new QmpException($"Block driver '{name}' not found or not supported");
        if (!driver.TryGetFacet<IImageCreator>(out _))
            throw new QmpException("Driver does not support blockdev-create");
        var request = new JobRequest { Type = type, Id = arguments.JobId, Flags = JobFlags.ManualDismiss };
        var setup = await host.Jobs.CreateAsync(request, cancellationToken).ConfigureAwait(false);
        setup.Start(new CreateJob(arguments.Options.Json));
    }
}

internal sealed record BlockdevCreateArguments
{
    public required string JobId { get; init; }

    public required BlockdevCreateOptions Options { get; init; }
}

/// <summary>The QAPI union BlockdevCreateOptions: kept as JSON because its branches come from plugins.</summary>
[JsonConverter(typeof(QapiUnionConverter<BlockdevCreateOptions>))]
[QapiExtensible(QapiExtension.BlockdevCreateOptions)]
internal sealed record BlockdevCreateOptions(JsonElement Json) : IQapiUnion<BlockdevCreateOptions>
{
    public static BlockdevCreateOptions From(JsonElement json) => new(json);
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(BlockdevCreateArguments))]
internal sealed partial class CreateJson : JsonSerializerContext;
