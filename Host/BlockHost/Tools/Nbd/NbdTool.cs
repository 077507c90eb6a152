// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Core.Qmp;
using BlockHost.Images;
using BlockHost.Processes;
using BlockHost.Qmp;

namespace BlockHost.Tools.Nbd;

/// <summary>qemu-nbd: serves one image over NBD, until its last client has gone or with -t until it is told to end.</summary>
internal sealed class NbdTool(ToolConsole console, IHostFactory hosts) : ITool
{
    private const string ExportId = "export";

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var options = NbdOptions.Parse(args);
        switch (options.Action)
        {
            case NbdAction.Help:
                NbdHelp.Print(console);
                return 0;
            case NbdAction.Version:
                Versions.Print(console, "qemu-nbd");
                return 0;
            case NbdAction.List:
                await NbdListing.PrintAsync(console, options, cancellationToken);
                return 0;
        }

        var background = Background.Adopt();
        if (options.Fork && background is null)
            return Background.Start(Environment.GetCommandLineArgs().Skip(1));
        return await ServeAsync(options, background, cancellationToken);
    }

    private async Task<int> ServeAsync(NbdOptions options, Background? background, CancellationToken cancellationToken)
    {
        using var signals = new StopSignals();
        await using var host = await hosts.StartAsync(HostOptions.ForTool, cancellationToken);
        host.Warnings.Given += console.Report;
        foreach (var definition in options.Objects)
            await host.AddObjectAsync(definition, cancellationToken);
        await using var image = await OpenAsync(host, options, cancellationToken);
        image.WarnOfGuess(console);
        await using var window = await WindowAsync(image, options, cancellationToken);
        var lastClientGone = LastClientGone(host, options);
        await StartServerAsync(host, options, window?.Node ?? image.Node, cancellationToken);
        using var pidFile = options.PidFile is { } path ? PidFile.Create(path) : null;
        background?.Ready();

        await Task.WhenAny(signals.Requested, lastClientGone);
        await host.ShutDownAsync(ShutdownCause.HostSignal);
        return 0;
    }

    private static async ValueTask<OpenImage> OpenAsync(RunningHost host, NbdOptions options, CancellationToken cancellationToken)
    {
        try
        {
            return options.Snapshot
                ? await TemporaryOverlay.OpenAsync(host.Images, options.Source, options.Mode, cancellationToken)
                : await host.Images.OpenAsync(options.Source, options.Mode, cancellationToken);
        }
        catch (Exception e) when (ImageErrors.IsExpected(e))
        {
            throw new ToolException($"Failed to blk_new_open '{options.Source.Name}': {e.Message}") { Hint = ImageErrors.HintOf(e) };
        }
    }

    /// <summary>-o: a raw node that shows the image from an offset on.</summary>
    private static async ValueTask<IBlockBackend?> WindowAsync(OpenImage image, NbdOptions options, CancellationToken cancellationToken)
    {
        if (options.Offset == 0)
            return null;
        if (options.Offset >= image.Length)
            throw new ToolException($"Offset ({options.Offset}) has to be smaller than the image size ({image.Length})");
        var raw = new JsonObject
        {
            ["driver"] = "raw",
            ["offset"] = options.Offset,
            ["file"] = image.Node.Name,
            ["read-only"] = !options.Mode.Writable,
        };
        var backend = new BackendOptions { Permissions = BlockPermissionSet.None };
        return await image.Graph.OpenAsync(BlockdevRef.New(HostJson.ToElement(raw)), backend, cancellationToken);
    }

    private static async ValueTask StartServerAsync(RunningHost host, NbdOptions options, IGraphNode node, CancellationToken cancellationToken)
    {
        try
        {
            await host.ExecuteAsync("nbd-server-start", ServerArguments(options), cancellationToken);
            await host.ExecuteAsync("block-export-add", ExportArguments(options, node), cancellationToken);
        }
        catch (QmpException e)
        {
            throw new ToolException(e.Message);
        }
    }

    private static JsonObject ServerArguments(NbdOptions options)
    {
        var address = options.Socket is { } socket
            ? new JsonObject { ["type"] = "unix", ["data"] = new JsonObject { ["path"] = socket } }
            : new JsonObject { ["type"] = "inet", ["data"] = new JsonObject { ["host"] = options.Bind, ["port"] = options.Port } };
        var arguments = new JsonObject { ["addr"] = address, ["max-connections"] = options.Shared };
        if (options.TlsCredentials is { } credentials)
            arguments["tls-creds"] = credentials;
        if (options.TlsAuthorization is { } authorization)
            arguments["tls-authz"] = authorization;
        return arguments;
    }

    private static JsonObject ExportArguments(NbdOptions options, IGraphNode node)
    {
        var export = new JsonObject
        {
            ["type"] = "nbd",
            ["id"] = ExportId,
            ["node-name"] = node.Name,
            ["name"] = options.ExportName,
            ["writable"] = options.Mode.Writable,
            ["writethrough"] = options.Mode.Cache.WriteThrough,
            ["allocation-depth"] = options.AllocationDepth,
        };
        if (options.Description is { } description)
            export["description"] = description;
        if (options.Bitmaps.Count > 0)
            export["bitmaps"] = new JsonArray([.. options.Bitmaps.Select(bitmap => JsonValue.Create(bitmap))]);
        return export;
    }

    /// <summary>Completes when clients have come and the last one has gone; never with -t.</summary>
    private static Task LastClientGone(RunningHost host, NbdOptions options)
    {
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!options.Persistent)
        {
            host.Services.Exports.ClientsChanged += (_, clients) =>
            {
                if (clients == 0)
                    gone.TrySetResult();
            };
        }

        return gone.Task;
    }
}
