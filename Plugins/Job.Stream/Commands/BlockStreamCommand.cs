// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Copying;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Stream.Commands;

/// <summary>block-stream: checks in QEMU's order and words, and starts the job.</summary>
internal static class BlockStreamCommand
{
    public static QmpCommand Create(StreamJobType type) => QmpCommand.CreateAction(
        "block-stream",
        () => StreamJson.Default.BlockStreamArguments,
        (call, arguments, cancellationToken) => StartAsync(type, call.Host, arguments, cancellationToken));

    private static async ValueTask StartAsync(
        StreamJobType type, IPluginHost host, BlockStreamArguments arguments, CancellationToken cancellationToken)
    {
        var chain = FindChain(host.Graph, arguments);
        foreach (var layer in chain.Intermediate.Prepend(chain.Top))
            layer.CheckOperation(BlockOperations.Stream);
        // Beside a bottom node too, as in QEMU: only who names a base says what it is called.
        if (arguments is { BackingFile: not null, Base: null, BaseNode: null })
            throw new QmpException("backing file specified, but streaming the entire chain");
        var id = JobRequest.IdOrDefault(arguments.JobId, host.Graph, chain.Top);
        var wasReadOnly = chain.Top.ReadOnly;
        if (wasReadOnly)
            await host.Graph.SetReadOnlyAsync(chain.Top, readOnly: false, cancellationToken).ConfigureAwait(false);
        try
        {
            await InsertAndStartAsync(type, host, chain, id, wasReadOnly, arguments, cancellationToken).ConfigureAwait(false);
        }
        catch when (wasReadOnly)
        {
            await host.Graph.SetReadOnlyAsync(chain.Top, readOnly: true, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    private static async ValueTask InsertAndStartAsync(
        StreamJobType type,
        IPluginHost host,
        StreamChain chain,
        string id,
        bool wasReadOnly,
        BlockStreamArguments arguments,
        CancellationToken cancellationToken)
    {
        var filter = await InsertFilterAsync(
            host.Graph, chain, arguments.FilterNodeName, cancellationToken).ConfigureAwait(false);
        try
        {
            var flags = JobRequest.FlagsOf(arguments.AutoFinalize, arguments.AutoDismiss);
            var setup = await host.Jobs.CreateAsync(
                new JobRequest { Type = type, Id = id, Flags = flags }, cancellationToken).ConfigureAwait(false);
            await HoldAndStartAsync(setup, host, chain, filter, wasReadOnly, arguments, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await host.Graph.RemoveFilterAsync(filter, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    private static async ValueTask HoldAndStartAsync(
        IJobSetup setup,
        IPluginHost host,
        StreamChain chain,
        IGraphNode filter,
        bool wasReadOnly,
        BlockStreamArguments arguments,
        CancellationToken cancellationToken)
    {
        try
        {
            await setup.SetSpeedAsync(arguments.Speed ?? 0).ConfigureAwait(false);
            var reads = new BlockPermissionSet(BlockPermissions.ConsistentRead, BlockPermissions.All & ~BlockPermissions.Resize);
            var reader = await setup.HoldAsync("main node", filter, reads, cancellationToken).ConfigureAwait(false);
            var top = await setup.HoldAsync(
                "active node", chain.Top, reads with { Needed = BlockPermissions.None }, cancellationToken).ConfigureAwait(false);
            var stays = new BlockPermissionSet(
                BlockPermissions.None, BlockPermissions.ConsistentRead | BlockPermissions.WriteUnchanged);
            foreach (var layer in chain.Intermediate)
                await setup.HoldAsync("intermediate node", layer, stays, cancellationToken).ConfigureAwait(false);
            var settings = new StreamSettings
            {
                Chain = chain,
                OnError = arguments.OnError ?? BlockdevOnError.Report,
                BackingFile = arguments.BackingFile,
                WasReadOnly = wasReadOnly,
            };
            setup.Start(new StreamJob(settings, new StreamNodes(filter, reader, top), host));
        }
        catch
        {
            await setup.FailAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async ValueTask<IGraphNode> InsertFilterAsync(
        IBlockGraph graph, StreamChain chain, string? name, CancellationToken cancellationToken)
    {
        var driver = await graph.FindDriverAsync("copy-on-read", cancellationToken).ConfigureAwait(false)
            ?? throw new QmpException("Could not create node: Driver 'copy-on-read' is not available");
        var bottom = chain.Intermediate.Count > 0 ? chain.Intermediate[^1] : chain.Top;
        var options = JsonSerializer.SerializeToElement(new CopyOnReadBottom(bottom.Name), StreamJson.Default.CopyOnReadBottom);
        try
        {
            return await graph.InsertFilterAsync(
                chain.Top, driver, options, new FilterOptions { NodeName = name }, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            throw new BlockException(e.Kind, $"Could not create node: {e.Message}", e.Errno, e);
        }
    }

    private static StreamChain FindChain(IBlockGraph graph, BlockStreamArguments arguments)
    {
        RefuseBoth(arguments.Base, "base", arguments.BaseNode, "base-node");
        RefuseBoth(arguments.Base, "base", arguments.Bottom, "bottom");
        RefuseBoth(arguments.Bottom, "bottom", arguments.BaseNode, "base-node");
        var top = graph.Lookup(arguments.Device, arguments.Device);
        if (arguments.Base is { } fileName)
            return StreamChain.Above(
                top,
                BackingChain.FindByFileName(top, fileName)
                    ?? throw new QmpException($"Can't find '{fileName}' in the backing chain"));
        if (arguments.BaseNode is { } baseNode)
        {
            var below = LookupNode(graph, baseNode);
            return below != top && BackingChain.Contains(top, below)
                ? StreamChain.Above(top, below)
                : throw new QmpException($"Node '{baseNode}' is not a backing image of '{arguments.Device}'");
        }

        return arguments.Bottom is { } bottom ? DownTo(graph, top, bottom, arguments.Device) : StreamChain.Above(top, null);
    }

    private static StreamChain DownTo(IBlockGraph graph, IGraphNode top, string bottom, string device)
    {
        var lowest = LookupNode(graph, bottom);
        if (lowest.Driver.Kind == BlockDriverKind.Filter)
            throw new QmpException($"Node '{bottom}' is a filter, use a non-filter node as 'bottom'");
        return BackingChain.Contains(top, lowest)
            ? StreamChain.Above(top, BackingChain.Below(lowest))
            : throw new QmpException($"Node '{bottom}' is not in a chain starting from '{device}'");
    }

    private static void RefuseBoth(string? one, string oneName, string? other, string otherName)
    {
        if (one is not null && other is not null)
            throw new QmpException($"'{oneName}' and '{otherName}' cannot be specified at the same time");
    }

    private static IGraphNode LookupNode(IBlockGraph graph, string name) =>
        graph.TryGetNode(name, out var node) ? node : throw new QmpException($"Cannot find device='' nor node-name='{name}'");
}
