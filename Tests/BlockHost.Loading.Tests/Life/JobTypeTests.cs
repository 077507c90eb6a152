// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Loading.Tests.Support;

namespace BlockHost.Loading.Tests.Life;

/// <summary>A job type that the host has never heard of: in the schema, under every verb, and held while in use.</summary>
public sealed class JobTypeTests : IDisposable
{
    private const string Id = """{"id":"c"}""";

    private readonly PluginBed _bed = new PluginBed().InstallOrdinary()
        .Install("JobType", "fixture.count", "jobs:fixture-count", "commands:fixture-count");

    public void Dispose() => _bed.Dispose();

    [Fact]
    public async Task It_is_a_value_of_JobType_in_the_schema()
    {
        await using var host = await JobHost.StartAsync(_bed);

        var schema = await host.SchemaAsync();

        Assert.Contains(schema.Split('\n'), line => line.Contains("\"fixture-count\"") && line.Contains("\"enum\""));
    }

    [Fact]
    public async Task Every_verb_works_on_it()
    {
        await using var host = await StartedAsync(
            """{"job-id":"c","node-name":"n","speed":1,"auto-finalize":false,"auto-dismiss":false}""");
        Assert.Equal("fixture-count", (await JobAsync(host)).GetProperty("type").GetString());

        await host.RunAsync("job-pause", Id);
        await host.HearAsync("JOB_STATUS_CHANGE paused");
        await host.RunAsync("block-job-set-speed", """{"device":"c","speed":0}""");
        await host.RunAsync("job-resume", Id);
        await host.HearAsync("BLOCK_JOB_READY");
        await host.RunAsync("block-job-pause", """{"device":"c"}""");
        await host.HearAsync("JOB_STATUS_CHANGE standby");
        await host.RunAsync("block-job-resume", """{"device":"c"}""");
        await host.RunAsync("job-complete", Id);
        await host.HearAsync("BLOCK_JOB_PENDING");
        await host.RunAsync("job-finalize", Id);
        Assert.Equal("concluded", (await JobAsync(host)).GetProperty("status").GetString());
        await host.RunAsync("job-dismiss", Id);

        Assert.Equal(0, (await host.RunAsync("query-jobs")).GetArrayLength());
        Assert.Contains("BLOCK_JOB_COMPLETED", host.Events);
    }

    [Fact]
    public async Task Cancelling_it_by_force_or_softly()
    {
        await using var host = await StartedAsync("""{"job-id":"c","node-name":"n"}""");
        await host.HearAsync("BLOCK_JOB_READY");
        await host.RunAsync("block-job-cancel", """{"device":"c"}""");
        await host.HearAsync("JOB_STATUS_CHANGE null");
        Assert.Contains("BLOCK_JOB_COMPLETED", host.Events);

        await host.RunAsync("fixture-count", """{"job-id":"c","node-name":"n","speed":1}""");
        await host.RunAsync("job-cancel", Id);
        await host.HearAsync("JOB_STATUS_CHANGE null", times: 2);
        Assert.Contains("BLOCK_JOB_CANCELLED", host.Events);
    }

    [Fact]
    public async Task Its_progress_and_rate_are_told()
    {
        await using var host = await StartedAsync("""{"job-id":"c","node-name":"n","speed":20}""");
        JsonElement progress;
        do
        {
            await Task.Delay(50);
            progress = (await host.RunAsync("x-blockhost-query-job-progress"))[0];
        }
        while (!progress.TryGetProperty("remaining-ms", out _));

        Assert.InRange(progress.GetProperty("rate").GetInt64(), 1, 40);
        Assert.Equal(100, progress.GetProperty("total").GetInt64());
        Assert.Equal(20, progress.GetProperty("speed").GetInt64());
    }

    [Fact]
    public async Task Its_node_is_busy_and_draining_the_node_pauses_it()
    {
        await using var host = await StartedAsync("""{"job-id":"c","node-name":"n"}""");
        await host.HearAsync("BLOCK_JOB_READY");
        Assert.Equal(
            "Node 'n' is busy: block device is in use by block job: fixture-count",
            await host.ErrorAsync("fixture-count", """{"job-id":"d","node-name":"n"}"""));
        Assert.True(host.Host.Graph.TryGetNode("n", out var node));

        await using (await host.Host.Graph.DrainAsync(node, CancellationToken.None))
        {
            Assert.Equal("JOB_STATUS_CHANGE standby", host.Events.Last());
            Assert.Equal("standby", (await JobAsync(host)).GetProperty("status").GetString());
        }

        Assert.Equal("JOB_STATUS_CHANGE ready", host.Events.Last());
    }

    [Fact]
    public async Task A_job_that_starts_on_a_drained_node_is_paused_from_the_start()
    {
        await using var host = await NodeAsync();
        Assert.True(host.Host.Graph.TryGetNode("n", out var node));

        await using (await host.Host.Graph.DrainAsync(node, CancellationToken.None))
        {
            await host.RunAsync("fixture-count", """{"job-id":"c","node-name":"n"}""");
            Assert.Equal(["JOB_STATUS_CHANGE created", "JOB_STATUS_CHANGE running", "JOB_STATUS_CHANGE paused"], host.Events);
        }

        await host.HearAsync("BLOCK_JOB_READY");
    }

    [Fact]
    public async Task Its_plugin_stays_while_a_job_runs_and_goes_with_it()
    {
        await using var host = await StartedAsync("""{"job-id":"c","node-name":"n"}""");

        var pending = await host.Plugins.UnloadAsync("fixture.count", TimeSpan.Zero, CancellationToken.None);
        Assert.Equal("in use by job 'c'", pending.Reason);
        await host.RunAsync("job-cancel", Id);
        await host.HearAsync("JOB_STATUS_CHANGE null");

        for (var turns = 0; host.Plugins.Find("fixture.count")!.State != Core.Plugins.PluginState.Available; turns++)
        {
            Assert.True(turns < 2000, host.Plugins.Find("fixture.count")!.Reason);
            await Task.Delay(5);
        }
    }

    private static async Task<JsonElement> JobAsync(JobHost host) => (await host.RunAsync("query-jobs"))[0];

    private async Task<JobHost> NodeAsync()
    {
        var host = await JobHost.StartAsync(_bed);
        await host.Host.Graph.AddAsync(
            JsonDocument.Parse("""{"driver":"fixture-zeroes","node-name":"n","size":1048576}""").RootElement,
            CancellationToken.None);
        return host;
    }

    private async Task<JobHost> StartedAsync(string arguments)
    {
        var host = await NodeAsync();
        await host.RunAsync("fixture-count", arguments);
        return host;
    }
}
