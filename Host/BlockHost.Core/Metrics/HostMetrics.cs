// SPDX-License-Identifier: MIT
using System.Diagnostics.Metrics;
using BlockHost.Block;
using BlockHost.Core.Block;
using BlockHost.Core.Exports;
using BlockHost.Core.Jobs;
using BlockHost.Core.Qmp;
using BlockHost.Plugins;

namespace BlockHost.Core.Metrics;

/// <summary>
/// The host's instruments. All but one read, when somebody looks, what the host counts anyway, so requests pay nothing. What
/// comes from plugins goes out as text only: no instrument keeps a plugin's code. Each host has a meter of its own.
/// </summary>
public sealed class HostMetrics : IDisposable
{
    public const string MeterName = "BlockHost";

    private readonly Meter _meter;
    private readonly CommandFigures _commands;
    private readonly Histogram<double> _duration;

    public HostMetrics(
        BlockGraph graph,
        ExportManager exports,
        JobRegistry jobs,
        Monitors monitors,
        CommandFigures commands,
        IIoBufferPool buffers,
        MemoryBudget memory)
    {
        _commands = commands;
        _meter = new Meter(new MeterOptions(MeterName) { Version = "1.0", Scope = this });
        AddRequests("node", "users outside the graph ask of a node", () => NodeSeries.Of(graph));
        _meter.CreateObservableUpDownCounter(
            "blockhost.node.in_flight", () => NodeSeries.InFlight(graph), "{operation}", "Requests in flight at a node");
        AddRequests("export", "clients ask of an export", () => ExportSeries.Of(exports));
        _meter.CreateObservableUpDownCounter(
            "blockhost.export.clients", () => ExportSeries.Clients(exports), "{client}", "Clients connected to an export");
        AddJobs(jobs.Figures);
        _duration = AddMonitors(monitors, commands);
        AddMemory(buffers, memory);
        commands.Timed += OnTimed;
    }

    public void Dispose()
    {
        _commands.Timed -= OnTimed;
        _meter.Dispose();
    }

    private void AddRequests(string of, string what, Func<IEnumerable<RequestSeries>> series)
    {
        _meter.CreateObservableCounter(
            $"blockhost.{of}.operations",
            () => Measure(kind => kind.Operations),
            "{operation}",
            $"Completed requests that {what}");
        _meter.CreateObservableCounter(
            $"blockhost.{of}.io", () => Measure(kind => kind.Bytes), "By", $"Bytes of completed requests that {what}");
        _meter.CreateObservableCounter(
            $"blockhost.{of}.errors",
            () => Measure(kind => kind.Errors),
            "{operation}",
            $"Failed and refused requests that {what}");

        IEnumerable<Measurement<long>> Measure(Func<KindTotals, long> figure) => series().SelectMany(one => one.Measure(figure));
    }

    private void AddJobs(JobFigures figures)
    {
        _meter.CreateObservableCounter(
            "blockhost.job.started",
            () => figures.Started.Select(of => new Measurement<long>(of.Value, Tag("type", of.Key))),
            "{job}",
            "Jobs started");
        _meter.CreateObservableCounter(
            "blockhost.job.ended",
            () =>
                figures.Ended.Select(
                    of => new Measurement<long>(of.Value, Tag("type", of.Key.Type), Tag("result", NameOf(of.Key.Result)))),
            "{job}",
            "Jobs ended, by result");
        _meter.CreateObservableUpDownCounter(
            "blockhost.job.running",
            () => figures.Running.Select(of => new Measurement<long>(of.Value, Tag("type", of.Key))),
            "{job}",
            "Jobs under way");
    }

    private Histogram<double> AddMonitors(Monitors monitors, CommandFigures commands)
    {
        _meter.CreateObservableUpDownCounter(
            "blockhost.monitor.clients", () => (long)monitors.SessionCount, "{client}", "Clients of the monitors");
        _meter.CreateObservableCounter(
            "blockhost.monitor.commands",
            () => commands.Commands.Select(of => new Measurement<long>(of.Value.Ended, Tag("command", of.Key))),
            "{command}",
            "Commands carried out, also those that failed");
        _meter.CreateObservableCounter(
            "blockhost.monitor.errors",
            () => commands.Commands.Select(of => new Measurement<long>(of.Value.Failed, Tag("command", of.Key))),
            "{command}",
            "Commands that failed");
        return _meter.CreateHistogram<double>("blockhost.monitor.command.duration", "s", "How long commands take");
    }

    private void AddMemory(IIoBufferPool buffers, MemoryBudget memory)
    {
        _meter.CreateObservableUpDownCounter(
            "blockhost.buffers.rented", () => (long)buffers.Outstanding, "{buffer}", "I/O buffers in use");
        if (buffers is IoBufferPool pool)
            _meter.CreateObservableUpDownCounter(
                "blockhost.buffers.kept", () => pool.FreeBytes, "By", "I/O buffers kept for reuse");
        _meter.CreateObservableUpDownCounter(
            "blockhost.memory.used", () => memory.Used, "By", "Memory that clients make the host hold");
        _meter.CreateObservableUpDownCounter(
            "blockhost.memory.limit", () => memory.Limit, "By", "What clients may make the host hold");
    }

    private void OnTimed(string command, TimeSpan time) => _duration.Record(time.TotalSeconds, Tag("command", command));

    private static string NameOf(JobResult result) => result switch
    {
        JobResult.Completed => "completed",
        JobResult.Failed => "failed",
        _ => "cancelled",
    };

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}
