// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands;

/// <summary>
/// blockdev-add, in today's flat form and in the older one, {"options": {"id": …}}. An id makes a named backend that
/// owns the node and is addressed as "device".
/// </summary>
internal sealed class BlockdevAddCommand() : QmpCommand("blockdev-add", QmpCommandFlags.None)
{
    public override JsonTypeInfo? ArgumentsType => CommandsJson.Default.BlockdevOptions;

    public override JsonTypeInfo? ReturnType => null;

    public override JsonElement Modernise(JsonElement arguments) => LegacyBlockdevOptions.Unwrap(arguments);

    public override async ValueTask InvokeAsync(
        IQmpCall call, JsonElement arguments, Utf8JsonWriter result, CancellationToken cancellationToken)
    {
        if (LegacyBlockdevOptions.TakeDevice(ref arguments) is { } device)
            await AddDeviceAsync(call.Host.Graph, device, arguments, cancellationToken).ConfigureAwait(false);
        else
            await call.Host.Graph.AddAsync(arguments, cancellationToken).ConfigureAwait(false);
        result.WriteStartObject();
        result.WriteEndObject();
    }

    private static async ValueTask AddDeviceAsync(
        IBlockGraph graph, LegacyDevice device, JsonElement options, CancellationToken cancellationToken)
    {
        if (graph.Backends.Any(backend => backend.Name == device.Id))
            throw new QmpException($"Device with id '{device.Id}' already exists");
        var backendOptions = new BackendOptions
        {
            Name = device.Id,
            WriteThrough = device.WriteThrough,
            Permissions = BlockPermissionSet.None,
        };
        await graph.OpenAsync(BlockdevRef.New(options), backendOptions, cancellationToken).ConfigureAwait(false);
    }
}
