// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Plugins.Block.Quorum;

/// <summary>Tells monitors of children that fail or were outvoted, and of requests that too few could do.</summary>
internal sealed class QuorumReports(IBlockNodeContext context)
{
    private const int SectorSize = 512;

    public void Bad(QuorumOpType type, IReadOnlyList<IBlockChild> children, long offset, long bytes, BlockException?[] errors)
    {
        for (var i = 0; i < errors.Length; i++)
        {
            if (errors[i] is { } error)
                Bad(type, children[i], offset, bytes, error);
        }
    }

    /// <param name="error">Null: the child works, and holds other data than the winner.</param>
    public void Bad(QuorumOpType type, IBlockChild child, long offset, long bytes, BlockException? error)
    {
        var (first, count) = Sectors(offset, bytes);
        context.PluginHost.Events.Emit(QuorumEvents.ReportBad, new QuorumReportBadEvent
        {
            Type = type,
            Error = error is null ? null : ErrnoText.Of(error.Errno),
            NodeName = child.NodeName,
            SectorNum = first,
            SectorsCount = count,
        });
    }

    public void Failure(long offset, long bytes)
    {
        var (first, count) = Sectors(offset, bytes);
        context.PluginHost.Events.Emit(
            QuorumEvents.Failure,
            new QuorumFailureEvent { Reference = context.NodeName, SectorNum = first, SectorsCount = count });
    }

    private static (long First, long Count) Sectors(long offset, long bytes)
    {
        var first = offset / SectorSize;
        return (first, (offset + bytes + SectorSize - 1) / SectorSize - first);
    }
}
