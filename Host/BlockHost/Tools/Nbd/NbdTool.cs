// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Core.Qmp;
using BlockHost.Images;
using BlockHost.Objects;
using BlockHost.Processes;

namespace BlockHost.Tools.Nbd;

/// <summary>qemu-nbd: serves one image over NBD, until its last client has gone or with -t until it is told to end.</summary>
internal sealed class NbdTool(ToolConsole console, IHostFactory hosts) : ITool
{
    private const string ExportId = "export";

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var options = NbdOptions.Parse(args, console);
        switch (options.Action)
        {
            case NbdAction.Help:
                NbdHelp.Print(console);
                return 0;
            case NbdAction.Version:
                console.Out.Write($"qemu-nbd {Versions.Qemu} (blockhost {Versions.Own})\n");
                return 0;
            case NbdAction.Disconnect:
                KernelDevice.Disconnect(options.Device!);
                console.Out.Write($"{options.Device} disconnected\n");
                return 0;
        }

        var activated = SocketActivation.Check(options);
        if (options.Action == NbdAction.List)
        {
            await NbdListing.PrintAsync(console, options, hosts, cancellationToken);
            return 0;
        }

        var background = Background.Adopt();
        if (options.Fork && background is null)
            return Background.Start(Environment.GetCommandLineArgs().Skip(1));
        return await ServeAsync(options, activated, background, cancellationToken);
    }

    private async Task<int> ServeAsync(
        NbdOptions options, bool activated, Background? background, CancellationToken cancellationToken)
    {
        using var signals = new StopSignals();
        await using var host = await hosts.StartAsync(HostOptions.ForTool, cancellationToken);
        host.Warnings.Given += console.Report;
        host.Warnings.Noted += console.ErrorLine;
        host.Warnings.GivenUp += console.GiveUp;
        foreach (var definition in options.Objects)
            await host.AddObjectAsync(definition, cancellationToken);
        using var deviceSocket = options.Device is null ? null : new PrivateSocket();
        using var held = host.HoldClients();
        await StartServerAsync(host, options, Address(options, activated, deviceSocket), cancellationToken);
        try
        {
            return await ServeImageAsync(host, options, deviceSocket, held, signals, background, cancellationToken);
        }
        finally
        {
            await host.ShutDownAsync(ShutdownCause.HostSignal);
        }
    }

    private async Task<int> ServeImageAsync(
        RunningHost host,
        NbdOptions options,
        PrivateSocket? deviceSocket,
        IDisposable held,
        StopSignals signals,
        Background? background,
        CancellationToken cancellationToken)
    {
        await using var image = await OpenAsync(host, options, cancellationToken);
        image.WarnOfGuess(console);
        if (options.LoadSnapshot is { } snapshot)
            await snapshot.LoadAsync(image, cancellationToken);
        await using var window = await WindowAsync(image, options, cancellationToken);
        var lastClientGone = LastClientGone(host, options);
        await host.ExecuteAsync("block-export-add", ExportArguments(options, window?.Node ?? image.Node), cancellationToken);
        held.Dispose();
        using var device = options.Device is { } path && deviceSocket is not null
            ? await KernelDevice.ConnectAsync(path, deviceSocket.Path, options, cancellationToken)
            : null;
        using var pidFile = options.PidFile is { } pidPath ? PidFile.Create(pidPath) : null;
        background?.Ready();

        await Task.WhenAny(signals.Requested, lastClientGone, device?.Ended ?? Task.Delay(Timeout.Infinite, cancellationToken));
        device?.Stop();
        await host.Services.Exports.RemoveAllAsync(type: null, CancellationToken.None);
        return 0;
    }

    private static async ValueTask<OpenImage> OpenAsync(RunningHost host, NbdOptions options, CancellationToken cancellationToken)
    {
        try
        {
            return await host.Images.OpenAsync(
                options.Source, options.Mode with { Overlay = options.Snapshot }, cancellationToken);
        }
        catch (Exception e) when (ImageErrors.IsExpected(e))
        {
            throw new ToolException($"Failed to blk_new_open '{options.Source.Name}': {e.Message}")
            { Hint = ImageErrors.HintOf(e) };
        }
    }

    /// <summary>-o: a raw node that shows the image from an offset on.</summary>
    private static async ValueTask<IBlockBackend?> WindowAsync(
        OpenImage image, NbdOptions options, CancellationToken cancellationToken)
    {
        if (options.Offset == 0)
            return null;
        if (options.Offset > image.Length)
            throw new ToolException(
                $"Offset ({options.Offset}) cannot be greater than size of the containing file ({image.Length})");
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

    private static async ValueTask StartServerAsync(
        RunningHost host, NbdOptions options, JsonObject address, CancellationToken cancellationToken)
    {
        if (options.SelinuxLabel is { } label)
            SelinuxContext.Set(label);
        if (options.TlsCredentials is { } id)
            _ = NbdListing.RequireTls(host.Services.Objects, id, isServer: true);
        var arguments = new JsonObject { ["addr"] = address, ["max-connections"] = options.Shared };
        if (options.TlsCredentials is { } credentials)
            arguments["tls-creds"] = credentials;
        if (options.TlsAuthorization is { } authorization)
            arguments["tls-authz"] = authorization;
        await host.ExecuteAsync("nbd-server-start", arguments, cancellationToken);
    }

    private static JsonObject Address(NbdOptions options, bool activated, PrivateSocket? device)
    {
        if (activated)
            return new JsonObject { ["type"] = "fd", ["data"] = new JsonObject { ["str"] = SocketActivation.FirstDescriptor } };
        return (device?.Path ?? options.Socket) is { } path
            ? new JsonObject { ["type"] = "unix", ["data"] = new JsonObject { ["path"] = path } }
            : new JsonObject
            {
                ["type"] = "inet",
                ["data"] = new JsonObject { ["host"] = options.Bind, ["port"] = options.Port },
            };
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
