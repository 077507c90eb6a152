// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Copying;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Commit.Commands;

/// <summary>block-commit: checks in QEMU's order and words, and starts the one or the other kind of job.</summary>
internal static class BlockCommitCommand
{
    public static QmpCommand Create(CommitJobType type) => QmpCommand.CreateAction(
        "block-commit",
        () => CommitJson.Default.BlockCommitArguments,
        (call, arguments, cancellationToken) => StartAsync(type, call.Host, arguments, cancellationToken));

    private static async ValueTask StartAsync(
        CommitJobType type, IPluginHost host, BlockCommitArguments arguments, CancellationToken cancellationToken)
    {
        var chain = FindChain(host.Graph, arguments);
        foreach (var layer in BackingChain.Layers(chain.Top, BackingChain.Below(chain.Base)))
            layer.CheckOperation(BlockOperations.CommitTarget);
        if (chain.Top == chain.Base)
            throw new QmpException("cannot commit an image into itself");
        var request = new CommitRequest
        {
            Type = type,
            Id = JobRequest.IdOrDefault(arguments.JobId, host.Graph, chain.Active),
            Flags = JobRequest.FlagsOf(arguments.AutoFinalize, arguments.AutoDismiss),
            Speed = arguments.Speed ?? 0,
            OnError = arguments.OnError ?? BlockdevOnError.Report,
            BackingFile = arguments.BackingFile,
            FilterNodeName = arguments.FilterNodeName,
        };
        if (IsWritten(chain, arguments))
            await ActiveCommit.StartAsync(host, chain, request, cancellationToken).ConfigureAwait(false);
        else
            await IntermediateCommit.StartAsync(host, chain, request, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Of an active layer, and of one in between that somebody writes, the job keeps up with what is written.</summary>
    private static bool IsWritten(CommitChain chain, BlockCommitArguments arguments)
    {
        var isActive = BackingChain.SkipFilters(chain.Top) == BackingChain.SkipFilters(chain.Active);
        var isWritten = isActive || chain.Top.Parents.Any(edge => (edge.Permissions.Needed & BlockPermissions.Write) != 0);
        if (isWritten && arguments.BackingFile is not null)
            throw new QmpException(
                $"'backing-file' specified, but 'top' {(isActive ? "is the active layer" : "has a writer on it")}");
        return isWritten;
    }

    private static CommitChain FindChain(IBlockGraph graph, BlockCommitArguments arguments)
    {
        if (!graph.TryGetNode(arguments.Device, out _) && graph.Backends.All(backend => backend.Name != arguments.Device))
            throw new QmpException(QmpErrorClass.DeviceNotFound, $"Device '{arguments.Device}' not found");
        var active = graph.LookupRoot(arguments.Device);
        active.CheckOperation(BlockOperations.CommitSource);
        var top = FindTop(graph, active, arguments);
        return new CommitChain(active, top, FindBase(graph, top, arguments));
    }

    private static IGraphNode FindTop(IBlockGraph graph, IGraphNode active, BlockCommitArguments arguments)
    {
        if (arguments is { TopNode: not null, Top: not null })
            throw new QmpException("'top-node' and 'top' are mutually exclusive");
        if (arguments.TopNode is { } name)
            return FindInChain(graph, active, name);
        return arguments.Top is not { } fileName
            || active.Children.Any(edge => (edge.Role & BlockChildRole.Primary) != 0 && edge.Child.FileName == fileName)
            ? active
            : BackingChain.FindByFileName(active, fileName) ?? throw new QmpException($"Top image file {fileName} not found");
    }

    private static IGraphNode FindBase(IBlockGraph graph, IGraphNode top, BlockCommitArguments arguments)
    {
        if (arguments is { BaseNode: not null, Base: not null })
            throw new QmpException("'base-node' and 'base' are mutually exclusive");
        if (arguments.BaseNode is { } name)
            return FindInChain(graph, top, name);
        return arguments.Base is not { } fileName
            ? BackingChain.Bottom(top)
            : BackingChain.FindByFileName(top, fileName)
                ?? throw new QmpException($"Can't find '{fileName}' in the backing chain");
    }

    private static IGraphNode FindInChain(IBlockGraph graph, IGraphNode top, string name)
    {
        if (!graph.TryGetNode(name, out var node))
            throw new QmpException($"Cannot find device='' nor node-name='{name}'");
        return BackingChain.Contains(top, node) ? node : throw new QmpException($"'{name}' is not in this backing file chain");
    }
}
