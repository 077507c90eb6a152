// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Images;
using BlockHost.Tools.Io;
using Kind = BlockHost.HumanMonitor.HumanParameterKind;

namespace BlockHost.HumanMonitor;

/// <summary>Commands that change or try what images hold.</summary>
internal sealed class NodeCommands(Func<ImageOpener> images)
{
    public IReadOnlyList<HumanCommand> All =>
    [
        new(
            "block_stream", [Device, new("speed", Kind.Size, true), new("base", Kind.Text, true)], "device [speed [base]]",
            "copy data from a backing file into a block device", StreamAsync),
        new(
            "commit", [Device], "device|all",
            "commit changes to the disk images (if -snapshot is used) or backing files", CommitAsync),
        new(
            "qemu-io", [new("d", Kind.Flag, true), Device, new("command", Kind.Text)], "[-d] [device] \"[command]\"",
            "run a qemu-io command on a block device\n\t\t\t-d: [device] is a device ID rather than a drive ID or node name",
            TryAsync),
        new(
            "snapshot_blkdev",
            [new("n", Kind.Flag, true), Device, new("file", Kind.FileName, true), new("format", Kind.Text, true)],
            "[-n] device [new-image-file] [format]", Texts.Snapshot, SnapshotAsync),
        new(
            "snapshot_blkdev_internal", [Device, new("name", Kind.Text)], "device name", Texts.InternalSnapshot,
            (call, ct) => RunAsync(call, "blockdev-snapshot-internal-sync", Named(call), ct)),
        new(
            "snapshot_delete_blkdev_internal", [Device, new("name", Kind.Text), new("id", Kind.Text, true)],
            "device name [id]", Texts.DeleteInternalSnapshot, DeleteSnapshotAsync),
    ];

    private static HumanParameter Device { get; } = new("device", Kind.Device);

    private static string Name(HumanCall call) => call.Arguments.Text("device")!;

    private static JsonObject Named(HumanCall call) =>
        new() { ["device"] = Name(call), ["name"] = call.Arguments.Text("name") };

    private static async ValueTask RunAsync(
        HumanCall call, string command, JsonObject arguments, CancellationToken cancellationToken) =>
        await call.ExecuteAsync(command, arguments, cancellationToken);

    private static ValueTask StreamAsync(HumanCall call, CancellationToken cancellationToken)
    {
        var arguments = new JsonObject { ["device"] = Name(call), ["job-id"] = Name(call) };
        if (call.Arguments.Text("base") is { } bottom)
            arguments["base"] = bottom;
        if (call.Arguments.Number("speed") is > 0 and var speed)
            arguments["speed"] = speed;
        return RunAsync(call, "block-stream", arguments, cancellationToken);
    }

    /// <summary>Devices are committed, of which there are those with an older name only; nodes are block-commit's.</summary>
    private static async ValueTask CommitAsync(HumanCall call, CancellationToken cancellationToken)
    {
        var all = Name(call) == "all";
        var found = call.Host.Graph.Backends.Where(backend => backend.Name is { } name && (all || name == Name(call))).ToList();
        if (found.Count == 0 && !all)
            call.Output.Write($"Device '{Name(call)}' not found\n");
        foreach (var device in found.Where(device => device.Node.Backing is not null))
            await RunAsync(
                call, "block-commit", new() { ["job-id"] = device.Name, ["device"] = device.Name }, cancellationToken);
    }

    private static ValueTask SnapshotAsync(HumanCall call, CancellationToken cancellationToken)
    {
        if (call.Arguments.Text("file") is not { } file)
            throw new Qmp.QmpException("Parameter 'snapshot-file' is missing");
        return RunAsync(
            call,
            "blockdev-snapshot-sync",
            new()
            {
                ["device"] = Name(call),
                ["snapshot-file"] = file,
                ["format"] = call.Arguments.Text("format") ?? "qcow2",
                ["mode"] = call.Arguments.Has("n") ? "existing" : "absolute-paths",
            },
            cancellationToken);
    }

    private static ValueTask DeleteSnapshotAsync(HumanCall call, CancellationToken cancellationToken)
    {
        var arguments = Named(call);
        if (call.Arguments.Text("id") is { } id)
            arguments["id"] = id;
        return RunAsync(call, "blockdev-snapshot-delete-internal-sync", arguments, cancellationToken);
    }

    /// <summary>A user of the node for one command; it may write where the command does.</summary>
    private async ValueTask TryAsync(HumanCall call, CancellationToken cancellationToken)
    {
        var graph = call.Host.Graph;
        var node = call.Arguments.Has("d")
            ? throw new Qmp.QmpException(Qmp.QmpErrorClass.DeviceNotFound, $"Device '{Name(call)}' not found")
            : graph.Backends.FirstOrDefault(backend => backend.Name == Name(call))?.Node ?? graph.Lookup(null, Name(call));
        var line = call.Arguments.Text("command")!;
        var writes = !node.ReadOnly && IoCommands.FindShared(IoShell.NameOf(line)) is { NeedsWriting: true };
        var permissions = new BlockPermissionSet(
            writes ? BlockPermissions.ConsistentRead | BlockPermissions.Write : BlockPermissions.ConsistentRead,
            BlockPermissions.All);
        var image = new OpenImage(
            graph,
            await graph.CreateBackendAsync(node, new BackendOptions { Permissions = permissions }, cancellationToken),
            node.Name);
        await using (image)
        {
            var console = new ToolConsole("", call.Output, call.Output, Stream.Null);
            var session = new IoSession(console, images(), image);
            await new IoShell(console, session).RunAsync([line], cancellationToken);
        }
    }

    private static class Texts
    {
        private const string Indent = "\n\t\t\t";

        public const string Snapshot =
            $"initiates a live snapshot{Indent}of device. If a new image file is specified, the{Indent}new image file will become the new root image.{Indent}If format is specified, the snapshot file will{Indent}be created in that format.{Indent}The default format is qcow2.  The -n flag requests QEMU{Indent}to reuse the image found in new-image-file, instead of{Indent}recreating it from scratch.";

        public const string InternalSnapshot =
            $"take an internal snapshot of device.{Indent}{Support}{Indent}";

        public const string DeleteInternalSnapshot =
            $"delete an internal snapshot of device.{Indent}If id is specified, qemu will try delete{Indent}the snapshot matching both id and name.{Indent}{Support}{Indent}";

        private const string Support =
            $"The format of the image used by device must{Indent}support it, such as qcow2.";
    }
}
