// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;

namespace BlockHost.Core.Block;

/// <summary>Requests of one kind. Those that failed or were refused are errors, and not among the operations.</summary>
internal readonly record struct KindTotals(long Operations, long Bytes, long Errors)
{
    public static KindTotals operator +(KindTotals a, KindTotals b) =>
        new(a.Operations + b.Operations, a.Bytes + b.Bytes, a.Errors + b.Errors);

    public static KindTotals operator -(KindTotals a, KindTotals b) =>
        new(a.Operations - b.Operations, a.Bytes - b.Bytes, a.Errors - b.Errors);
}

/// <summary>Requests of users outside the graph, by kind.</summary>
internal sealed record RequestTotals(KindTotals Read, KindTotals Write, KindTotals Flush, KindTotals Discard)
{
    public static RequestTotals None { get; } = new(default, default, default, default);

    public static RequestTotals Of(BlockStats stats) => new(
        new(stats.ReadOperations, stats.ReadBytes, stats.FailedReadOperations + stats.InvalidReadOperations),
        new(stats.WriteOperations, stats.WriteBytes, stats.FailedWriteOperations + stats.InvalidWriteOperations),
        new(stats.FlushOperations, 0, stats.FailedFlushOperations + stats.InvalidFlushOperations),
        new(stats.UnmapOperations, stats.UnmapBytes, stats.FailedUnmapOperations + stats.InvalidUnmapOperations));

    public static RequestTotals operator +(RequestTotals a, RequestTotals b) =>
        new(a.Read + b.Read, a.Write + b.Write, a.Flush + b.Flush, a.Discard + b.Discard);

    public static RequestTotals operator -(RequestTotals a, RequestTotals b) =>
        new(a.Read - b.Read, a.Write - b.Write, a.Flush - b.Flush, a.Discard - b.Discard);
}
