// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using BlockHost.Composition;
using BlockHost.Net;
using BlockHost.Qmp;

namespace BlockHost.Tools.Daemon;

/// <summary>Runs the options that open something. Most are the QMP command of the same meaning.</summary>
internal static class DaemonSteps
{
    public static async ValueTask RunAsync(
        RunningHost host, DaemonStep step, Action<string> waiting, CancellationToken cancellationToken)
    {
        switch (step.Kind)
        {
            case DaemonStepKind.Object:
                await host.AddObjectAsync(step.Argument, cancellationToken);
                break;
            case DaemonStepKind.Chardev:
                await host.AddChardevAsync(step.Argument, waiting, cancellationToken);
                break;
            case DaemonStepKind.Monitor:
                await host.AddMonitorAsync(step.Argument, cancellationToken);
                break;
            case DaemonStepKind.Blockdev:
                var blockdev = await host.Input.ParseAsync(
                    QapiExtension.BlockdevOptions, step.Argument, "driver", cancellationToken);
                await host.ExecuteAsync("blockdev-add", blockdev, cancellationToken);
                break;
            case DaemonStepKind.NbdServer:
                var server = await host.Input.ParseAsync(
                    DaemonJson.Default.NbdServerArgument, step.Argument, impliedKey: null, cancellationToken);
                await host.ExecuteAsync("nbd-server-start", ToCommand(server), cancellationToken);
                break;
            case DaemonStepKind.AddFd:
                var inherited = await host.Input.ParseAsync(
                    DaemonJson.Default.InheritedDescriptor, step.Argument, impliedKey: null, cancellationToken);
                inherited.Deserialize(DaemonJson.Default.InheritedDescriptor)!.AddTo(host.DescriptorSets);
                break;
            case DaemonStepKind.Incoming:
                await host.ExecuteAsync("migrate-incoming", new JsonObject { ["uri"] = step.Argument }, cancellationToken);
                break;
            case DaemonStepKind.Export:
                var export = await host.Input.ParseAsync(
                    QapiExtension.BlockExportOptions, step.Argument, "type", cancellationToken);
                await host.ExecuteAsync("block-export-add", export, cancellationToken);
                break;
        }
    }

    /// <summary>nbd-server-start has an address's members one level further down: {"type": …, "data": {…}}.</summary>
    private static JsonElement ToCommand(JsonElement server)
    {
        var command = JsonObject.Create(server)!;
        command["addr"] = WithData((JsonObject)command["addr"]!);
        if (command["also"] is JsonArray also)
            command["also"] = new JsonArray([.. also.Select(address => WithData((JsonObject)address!))]);
        return HostJson.ToElement(command);
    }

    private static JsonObject WithData(JsonObject address)
    {
        var data = (JsonObject)address.DeepClone();
        data.Remove("type");
        return new JsonObject { ["type"] = address["type"]!.DeepClone(), ["data"] = data };
    }
}

/// <summary>--nbd-server.</summary>
internal sealed record NbdServerArgument
{
    public required SocketAddress Addr { get; init; }

    /// <summary>More addresses to listen at.</summary>
    public IReadOnlyList<SocketAddress>? Also { get; init; }

    public string? TlsCreds { get; init; }

    public string? TlsAuthz { get; init; }

    public uint? MaxConnections { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(NbdServerArgument))]
[JsonSerializable(typeof(InheritedDescriptor))]
internal sealed partial class DaemonJson : JsonSerializerContext;
