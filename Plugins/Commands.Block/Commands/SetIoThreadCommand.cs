// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Objects;
using BlockHost.Plugins.Commands.Block.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands;

/// <summary>
/// x-blockdev-set-iothread. Nodes have no thread of their own: requests run on that of who makes them. So the command says which
/// thread those users of the node get that come later and are told no other.
/// </summary>
internal static class SetIoThreadCommand
{
    public static QmpCommand Create() => QmpCommand.CreateAction(
        "x-blockdev-set-iothread",
        () => CommandsJson.Default.SetIoThreadArguments,
        (call, arguments, _) =>
        {
            Set(call.Host, arguments);
            return ValueTask.CompletedTask;
        },
        features: ["unstable"]);

    private static void Set(IPluginHost host, SetIoThreadArguments arguments)
    {
        if (!host.Graph.TryGetNode(arguments.NodeName, out var node))
            throw new QmpException($"Failed to find node with node-name='{arguments.NodeName}'");
        if (arguments.Force != true && node.Parents.Any(edge => edge.Parent is null))
        {
            throw new QmpException(
                $"Node {node.Name} is associated with a BlockBackend and could be in use (use force=true to override this check)");
        }

        var thread = arguments.Iothread.Text;
        if (thread is not null && !host.Objects.TryGet<IIoThread>(thread, out _))
            throw new QmpException($"Cannot find iothread {thread}");
        node.IoThread = thread;
    }
}
