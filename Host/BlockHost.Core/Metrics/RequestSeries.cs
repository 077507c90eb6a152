// SPDX-License-Identifier: MIT
using System.Diagnostics.Metrics;
using BlockHost.Core.Block;
using BlockHost.Core.Exports;

namespace BlockHost.Core.Metrics;

/// <summary>The requests of one node or export, and the tags that say which.</summary>
internal readonly record struct RequestSeries(RequestTotals Totals, KeyValuePair<string, object?>[] Tags)
{
    public IEnumerable<Measurement<long>> Measure(Func<KindTotals, long> figure) =>
    [
        Of("read", figure(Totals.Read)),
        Of("write", figure(Totals.Write)),
        Of("flush", figure(Totals.Flush)),
        Of("discard", figure(Totals.Discard)),
    ];

    private Measurement<long> Of(string operation, long value) => new(value, [.. Tags, new("operation", operation)]);
}

internal static class NodeSeries
{
    public static IEnumerable<RequestSeries> Of(BlockGraph graph) =>
        graph.ReadyNodes.Select(node => new RequestSeries(node.Totals, Tags(node)));

    public static IEnumerable<Measurement<long>> InFlight(BlockGraph graph) =>
        graph.ReadyNodes.Select(node => new Measurement<long>(node.InFlight, Tags(node)));

    private static KeyValuePair<string, object?>[] Tags(GraphNode node) => [new("node", node.Name)];
}

internal static class ExportSeries
{
    public static IEnumerable<RequestSeries> Of(ExportManager exports) =>
        exports.All.Select(export => new RequestSeries(RequestTotals.Of(export.Backend.Stats), Tags(export)));

    public static IEnumerable<Measurement<long>> Clients(ExportManager exports) =>
        exports.All.Select(export => new Measurement<long>(export.Clients, Tags(export)));

    private static KeyValuePair<string, object?>[] Tags(ManagedExport export) =>
        [new("export", export.Id), new("type", export.Type)];
}
