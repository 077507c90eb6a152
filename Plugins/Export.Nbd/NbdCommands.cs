// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Exports;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Export.Nbd;

/// <summary>The management commands of the server; the ones for exports in general are the host's.</summary>
internal static class NbdCommands
{
    public static IEnumerable<QmpCommand> All(NbdServerControl control)
    {
        yield return QmpCommand.CreateAction(
            "nbd-server-start",
            () => NbdJsonContext.Default.NbdServerOptions,
            async (call, args, ct) => await control.StartAsync(args, call.Host, ct).ConfigureAwait(false));
        yield return QmpCommand.CreateAction(
            "nbd-server-stop",
            async (call, ct) => await control.StopAsync(call.Host, ct).ConfigureAwait(false));
        yield return QmpCommand.CreateAction(
            "nbd-server-add",
            () => NbdJsonContext.Default.NbdServerAddOptions,
            (call, args, ct) => AddAsync(control, call.Host, args, ct),
            features: ["deprecated"]);
        yield return QmpCommand.CreateAction(
            "nbd-server-remove",
            () => NbdJsonContext.Default.NbdServerRemoveOptions,
            (call, args, _) => Remove(call.Host, args),
            features: ["deprecated"]);
    }

    /// <summary>The older form of block-export-add: the export's id is its name.</summary>
    private static ValueTask AddAsync(
        NbdServerControl control, IPluginHost host, NbdServerAddOptions args, CancellationToken cancellationToken)
    {
        _ = control.Running;
        var node = host.Graph.Lookup(args.Device, args.Device);
        var name = args.Name ?? args.Device;
        var options = new NbdExportOptions
        {
            Name = name,
            Description = args.Description,
            Bitmaps = args.Bitmap is { } bitmap ? [new BlockDirtyBitmapOrStr(bitmap, Node: null)] : null,
        };
        return host.Exports.AddAsync(
            new ExportRequest
            {
                Type = NbdExportType.TypeName,
                Id = name,
                NodeName = node.Name,
                Writable = (args.Writable ?? false) && !node.ReadOnly,
                Options = JsonSerializer.SerializeToElement(options, NbdJsonContext.Default.NbdExportOptions),
            },
            cancellationToken);
    }

    private static ValueTask Remove(IPluginHost host, NbdServerRemoveOptions args)
    {
        var export = host.Exports.List().FirstOrDefault(e => e.Id == args.Name);
        if (export is not null && export.Type != NbdExportType.TypeName)
            throw new QmpException($"Block export '{args.Name}' is not an NBD export");
        host.Exports.Remove(args.Name, args.Mode == RemoveMode.Hard ? ExportRemoveMode.Hard : ExportRemoveMode.Safe);
        return ValueTask.CompletedTask;
    }
}
