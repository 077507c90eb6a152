// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Plugins.Commands.Block.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands;

/// <summary>
/// Commands for the host's drives. Those of QEMU (eject, blockdev-open-tray, …) work on a guest's drives, and come with these.
/// </summary>
internal static class DriveCommands
{
    public static QmpCommand Tray() => QmpCommand.Create(
        "x-blockhost-block-tray",
        () => CommandsJson.Default.BlockTrayArguments,
        () => CommandsJson.Default.BlockTrayState,
        (call, arguments, cancellationToken) => TrayAsync(call.Host, arguments, cancellationToken),
        features: ["unstable"]);

    public static QmpCommand Scsi() => QmpCommand.Create(
        "x-blockhost-block-scsi",
        () => CommandsJson.Default.BlockScsiArguments,
        () => CommandsJson.Default.BlockScsiReply,
        (call, arguments, cancellationToken) => ScsiAsync(call.Host, arguments, cancellationToken),
        features: ["unstable"]);

    private static async ValueTask<BlockTrayState> TrayAsync(
        IPluginHost host, BlockTrayArguments arguments, CancellationToken cancellationToken)
    {
        var drive = Find<IRemovableMedium>(host, arguments.NodeName, "has no removable medium");
        if (arguments.Locked == false)
            await drive.LockAsync(false, cancellationToken).ConfigureAwait(false);
        if (arguments.Open is { } open)
            await drive.MoveTrayAsync(open, cancellationToken).ConfigureAwait(false);
        if (arguments.Locked == true)
            await drive.LockAsync(true, cancellationToken).ConfigureAwait(false);
        var state = await drive.LookAsync(cancellationToken).ConfigureAwait(false);
        return new()
        {
            HasMedium = state.HasMedium,
            TrayOpen = state.IsTrayOpen,
            Locked = state.IsLocked,
            Generation = state.Generation,
        };
    }

    private static async ValueTask<BlockScsiReply> ScsiAsync(
        IPluginHost host, BlockScsiArguments arguments, CancellationToken cancellationToken)
    {
        var device = Find<IScsiDevice>(host, arguments.NodeName, "takes no SCSI commands");
        var request = new ScsiRequest
        {
            Command = Decode(arguments.Command),
            DataOut = Decode(arguments.DataOut ?? ""),
            DataInLength = (int)Math.Min(arguments.DataInLength ?? 0, int.MaxValue),
            Timeout = arguments.Timeout is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
        };
        var reply = await device.SendAsync(request, cancellationToken).ConfigureAwait(false);
        return new() { Status = reply.Status, Data = Encode(reply.Data), Sense = Encode(reply.Sense) };
    }

    private static T Find<T>(IPluginHost host, string name, string otherwise)
        where T : class
    {
        if (!host.Graph.TryGetNode(name, out var node))
            throw new QmpException($"Failed to find node with node-name='{name}'");
        return node.TryGetFacet<T>(out var facet) ? facet : throw new QmpException($"Node '{name}' {otherwise}");
    }

    private static byte[] Decode(string text)
    {
        try
        {
            return Convert.FromBase64String(text);
        }
        catch (FormatException)
        {
            throw new QmpException("Base64 data contains invalid characters");
        }
    }

    private static string? Encode(ReadOnlyMemory<byte> bytes) => bytes.IsEmpty ? null : Convert.ToBase64String(bytes.Span);
}
