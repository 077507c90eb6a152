// SPDX-License-Identifier: MIT
using System.Diagnostics.Metrics;
using System.Text.Json;
using BlockHost.Loading.Tests.Support;

namespace BlockHost.Loading.Tests.Life;

/// <summary>The host's instruments beside plugins that come and go.</summary>
public sealed class MetricsTests : IDisposable
{
    private const string Id = """{"id":"c"}""";

    private readonly PluginBed _bed = new PluginBed().InstallOrdinary()
        .Install("JobType", "fixture.count", "jobs:fixture-count", "commands:fixture-count");

    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, long> _series = [];

    public void Dispose()
    {
        _listener.Dispose();
        _bed.Dispose();
    }

    [Fact]
    public async Task A_plugins_jobs_are_counted_by_type_and_result_and_its_code_goes_while_somebody_listens()
    {
        await using var host = await JobHost.StartAsync(_bed);
        Listen(host);
        await host.Host.Graph.AddAsync(
            JsonDocument.Parse("""{"driver":"fixture-zeroes","node-name":"n","size":1048576}""").RootElement,
            CancellationToken.None);
        await host.RunAsync("fixture-count", """{"job-id":"c","node-name":"n"}""");
        await host.HearAsync("BLOCK_JOB_READY");
        Assert.Equal(["ended: none", "running: 1", "started: 1"], Jobs());

        await host.RunAsync("job-complete", Id);
        await host.HearAsync("JOB_STATUS_CHANGE null");
        await host.RunAsync("fixture-count", """{"job-id":"c","node-name":"n","speed":1}""");
        await host.RunAsync("job-cancel", Id);
        await host.HearAsync("JOB_STATUS_CHANGE null", times: 2);

        string[] ended = ["ended: cancelled 1, completed 1", "running: 0", "started: 2"];
        Assert.Equal(ended, Jobs());
        Assert.Equal(2, _series["blockhost.monitor.commands fixture-count"]);

        await host.Plugins.UnloadAsync("fixture.count", TimeSpan.FromSeconds(60), CancellationToken.None);

        Assert.Equal(Core.Plugins.PluginState.Available, host.Plugins.Find("fixture.count")!.State);
        Assert.Equal(ended, Jobs());
    }

    private void Listen(JobHost host)
    {
        var metrics = host.Metrics;
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter.Scope, metrics))
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            _series[string.Join(' ', tags.ToArray().Select(tag => tag.Value).Prepend(instrument.Name))] = value);
        _listener.Start();
    }

    private string[] Jobs()
    {
        _series.Clear();
        _listener.RecordObservableInstruments();
        const string Ended = "blockhost.job.ended fixture-count ";
        var ended = _series.Where(
            one =>
                one.Key.StartsWith(Ended, StringComparison.Ordinal)).Select(one =>
                    $"{one.Key[Ended.Length..]} {one.Value}").Order();
        return
        [
            $"ended: {(ended.Any() ? string.Join(", ", ended) : "none")}",
            $"running: {_series["blockhost.job.running fixture-count"]}",
            $"started: {_series["blockhost.job.started fixture-count"]}",
        ];
    }
}
