// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Images;

namespace BlockHost.HumanMonitor;

/// <summary>
/// info block. A paragraph a device or node:
/// <code>
///   disk (#block100): disk.qcow2 (qcow2)         -v:  Images:
///       Cache mode:       writeback                   image: disk.qcow2
///       Backing file:     base.qcow2 (chain depth: 1) …
/// </code>
/// </summary>
internal sealed class BlockText(HumanCall call, Func<ImageOpener> images)
{
    private readonly TextWriter _output = call.Output;
    private readonly bool _isVerbose = call.Arguments.Has("v");
    private readonly string? _only = call.Arguments.Text("device");

    public async ValueTask PrintAsync(CancellationToken cancellationToken)
    {
        var found = await PrintDevicesAsync(cancellationToken);
        if ((!found && _only is not null) || call.Arguments.Has("n"))
            await PrintNodesAsync(cancellationToken);
    }

    private async ValueTask<bool> PrintDevicesAsync(CancellationToken cancellationToken)
    {
        if (call.Arguments.Has("n") && _only is null)
            return false;
        var count = 0;
        foreach (var backend in call.Host.Graph.Backends.Where(backend => backend.Name is { } name && (_only ?? name) == name))
        {
            if (count++ > 0)
                _output.Write('\n');
            await PrintAsync($"{backend.Name} ({backend.Node.Name})", backend.Node, cancellationToken);
        }

        return count > 0;
    }

    /// <summary>A node that is asked for by name stands behind the devices, of which there are none.</summary>
    private async ValueTask PrintNodesAsync(CancellationToken cancellationToken)
    {
        var isFirst = _only is null;
        foreach (var node in call.Host.Graph.Nodes.Reverse().Where(node => (_only ?? node.Name) == node.Name))
        {
            if (!isFirst)
                _output.Write('\n');
            isFirst = false;
            await PrintAsync(node.Name, node, cancellationToken);
        }
    }

    private async ValueTask PrintAsync(string title, IGraphNode node, CancellationToken cancellationToken)
    {
        _output.Write($"{title}: {node.FileName} ({node.Driver.FormatName}{(node.ReadOnly ? ", read-only" : "")})\n");
        var cache = (node.CacheDirect, node.CacheNoFlush) switch
        {
            (false, true) => "writeback, ignore flushes",
            (true, true) => "writeback, direct, ignore flushes",
            (true, false) => "writeback, direct",
            _ => "writeback",
        };
        _output.Write($"    Cache mode:       {cache}\n");
        if (node.TryGetFacet<IBackingFileStore>(out _) && node.Backing is { } backing)
            _output.Write($"    Backing file:     {backing.FileName} (chain depth: {Depth(node)})\n");
        if (_isVerbose)
            await PrintImagesAsync(node, cancellationToken);
    }

    private async ValueTask PrintImagesAsync(IGraphNode node, CancellationToken cancellationToken)
    {
        _output.Write("\nImages:\n");
        for (IGraphNode? at = node; at is not null; at = at.Backing)
        {
            var report = new ImageReport
            {
                Info = await images().Described.DescribeAsync(at, withBackingChain: false, cancellationToken),
                Snapshots = at.TryGetFacet<ISnapshotStore>(out var store) ? await store.ListAsync(cancellationToken) : [],
            };
            report.Print(_output);
        }
    }

    private static int Depth(IGraphNode node)
    {
        var depth = 0;
        for (var at = node.Backing; at is not null; at = at.Backing)
            depth++;
        return depth;
    }
}
