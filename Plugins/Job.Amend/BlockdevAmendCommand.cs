// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Amend;

/// <summary>x-blockdev-amend: starts the job. What is wrong with the options, the job's error says.</summary>
internal static class BlockdevAmendCommand
{
    public static QmpCommand Create(AmendJobType type) => QmpCommand.CreateAction(
        "x-blockdev-amend",
        () => AmendJson.Default.BlockdevAmendArguments,
        (call, arguments, cancellationToken) => StartAsync(type, call.Host, arguments, cancellationToken),
        features: ["unstable"]);

    private static async ValueTask StartAsync(
        AmendJobType type, IPluginHost host, BlockdevAmendArguments arguments, CancellationToken cancellationToken)
    {
        var node = host.Graph.Lookup(device: null, arguments.NodeName);
        if (arguments.Options.Json.GetProperty("driver").GetString() != node.Driver.FormatName)
            throw new QmpException("x-blockdev-amend doesn't support changing the block driver");
        if (!node.TryGetFacet<IImageAmend>(out var image))
            throw new QmpException("Driver does not support x-blockdev-amend");
        var request = new JobRequest { Type = type, Id = arguments.JobId, Flags = JobFlags.ManualDismiss };
        var setup = await host.Jobs.CreateAsync(request, cancellationToken).ConfigureAwait(false);
        try
        {
            // Nobody may close the node meanwhile.
            await setup.OpenBackendAsync(node, BlockPermissionSet.None, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await setup.FailAsync().ConfigureAwait(false);
            throw;
        }

        setup.Start(new AmendJob(node, image, WithoutDriver(arguments.Options.Json), arguments.Force ?? false));
    }

    private static JsonElement WithoutDriver(JsonElement options)
    {
        var members = options.EnumerateObject().Where(member => member.Name != "driver")
            .ToDictionary(member => member.Name, member => member.Value);
        return JsonSerializer.SerializeToElement(members, AmendJson.Default.DictionaryStringJsonElement);
    }
}

internal sealed record BlockdevAmendArguments
{
    public required string JobId { get; init; }

    public required string NodeName { get; init; }

    public required BlockdevAmendOptions Options { get; init; }

    public bool? Force { get; init; }
}

/// <summary>The QAPI union BlockdevAmendOptions: kept as JSON because its branches come from plugins.</summary>
[JsonConverter(typeof(QapiUnionConverter<BlockdevAmendOptions>))]
[QapiExtensible(QapiExtension.BlockdevAmendOptions)]
internal sealed record BlockdevAmendOptions(JsonElement Json) : IQapiUnion<BlockdevAmendOptions>
{
    public static BlockdevAmendOptions From(JsonElement json) => new(json);
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(BlockdevAmendArguments))]
[JsonSerializable(typeof(Dictionary<string, JsonElement>))]
internal sealed partial class AmendJson : JsonSerializerContext;
