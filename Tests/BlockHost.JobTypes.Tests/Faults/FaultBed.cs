// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Jobs;
using BlockHost.Oracle.Tests.Support;

namespace BlockHost.JobTypes.Tests.Faults;

/// <summary>A host with qcow2 images on <see cref="FaultDisk"/>s, named like their nodes, and a job "j".</summary>
internal sealed class FaultBed : IAsyncDisposable
{
    public const int Size = 1 << 20;
    private const int ClusterSize = 16384;

    private readonly HostBed _bed;

    private FaultBed(HostBed bed, FaultPlugin disks)
    {
        _bed = bed;
        Disks = disks;
    }

    public FaultPlugin Disks { get; }

    public IBlockGraph Graph => _bed.Graph;

    public IEnumerable<(string Name, JsonElement Data)> Events => _bed.Events;

    public static async Task<FaultBed> StartAsync(FaultPlugin disks) => new(await HostBed.StartAsync(disks), disks);

    /// <summary>A new image, open as a node of that name, that holds random data in about half of its clusters.</summary>
    public async Task AddAsync(string name, string? backing = null, Random? data = null)
    {
        var recorded = backing is null ? "" : $",\"backing-file\":\"{FaultPlugin.Protocol}:{backing}\",\"backing-fmt\":\"qcow2\"";
        var create =
            $$"""{"driver":"qcow2","file":{"driver":"fault","filename":"{{name}}"},"size":{{Size}},"cluster-size":{{ClusterSize}}{{recorded}}}""";
        using var options = JsonDocument.Parse(create);
        await Graph.CreateImageAsync(options.RootElement, CancellationToken.None);
        await OpenAsync(name, backing);
        if (data is null)
            return;
        await using var backend = await Graph.CreateBackendAsync(Node(name), JobTest.Guest, CancellationToken.None);
        await using var queue = backend.OpenQueue();
        var cluster = new byte[ClusterSize];
        for (var at = 0; at < Size; at += ClusterSize)
        {
            if (data.Next(2) == 0)
                continue;
            data.NextBytes(cluster);
            Assert.True((await queue.WriteAsync(at, cluster)).IsOk);
        }

        Assert.True((await queue.FlushAsync()).IsOk);
    }

    public async Task DiscardAsync(string name, long offset, long bytes)
    {
        await using var backend = await Graph.CreateBackendAsync(Node(name), JobTest.Guest, CancellationToken.None);
        await using var queue = backend.OpenQueue();
        Assert.True((await queue.DiscardAsync(offset, bytes)).IsOk);
        Assert.True((await queue.FlushAsync()).IsOk);
    }

    public async Task OpenAsync(string name, string? backing = null)
    {
        var below = backing is null ? "null" : $"\"{backing}\"";
        await ExecuteAsync("blockdev-add", $$"""
            "driver":"qcow2","node-name":"{{name}}","discard":"unmap","file":{"driver":"fault","filename":"{{name}}"},"backing":{{below}}
            """);
    }

    public IGraphNode Node(string name) => Graph.Lookup(null, name);

    public async Task<byte[]> ReadAsync(string name)
    {
        await using var backend = await Graph.CreateBackendAsync(Node(name), JobTest.Reader, CancellationToken.None);
        await using var queue = backend.OpenQueue();
        var bytes = new byte[Size];
        Assert.True((await queue.ReadAsync(0, bytes)).IsOk);
        return bytes;
    }

    public async Task<JsonNode> ExecuteAsync(string command, string arguments)
    {
        var answer = await TryAsync(command, arguments);
        Assert.True(answer["error"] is null, $"{command}: {answer["error"]}");
        return answer["return"]!;
    }

    public Task<JsonNode> TryAsync(string command, string arguments = "") =>
        _bed.ExecuteAsync($$$"""{"execute":"{{{command}}}","arguments":{ {{{arguments}}} } }""");

    public JobInfo? Job => _bed.Host.Jobs.TryGet("j", out var job) ? job.Info : null;

    /// <summary>Waits until the job is gone, or as it is wanted.</summary>
    public async Task<JobInfo?> UntilAsync(Func<JobInfo, bool> wanted, TimeSpan patience)
    {
        var clock = Stopwatch.StartNew();
        while (Job is { } info)
        {
            if (wanted(info))
                return info;
            Assert.True(clock.Elapsed < patience, $"the job stays {info}; events: {string.Join(' ', Events.TakeLast(20))}");
            await Task.Delay(1);
        }

        return null;
    }

    /// <summary>What was told of the job's end: once, and when the job is gone already.</summary>
    public async Task<(string Name, JsonElement Data)> EndAsync(TimeSpan patience)
    {
        for (var clock = Stopwatch.StartNew(); ; await Task.Delay(1))
        {
            if (Events.Where(told => told.Name is "BLOCK_JOB_COMPLETED" or "BLOCK_JOB_CANCELLED").ToList() is { Count: > 0 } ends)
                return Assert.Single(ends);
            Assert.True(
                clock.Elapsed < patience, $"nothing is told of the job's end; events: {string.Join(' ', Events.TakeLast(20))}");
        }
    }

    /// <summary>Every node can be deleted, and none is left over.</summary>
    public async Task DeleteAllAsync()
    {
        for (var left = Graph.Nodes.Count + 1; left > Graph.Nodes.Count;)
        {
            left = Graph.Nodes.Count;
            foreach (var node in Graph.Nodes.Where(node => !node.HasGeneratedName).ToList())
                await TryAsync("blockdev-del", $"\"node-name\":\"{node.Name}\"");
        }

        Assert.Empty(Graph.Backends);
        Assert.Empty(Graph.Nodes.Select(
            node => $"{node.Name}: {string.Join(", ", node.Parents.Select(parent => parent.ParentDescription))}"));
    }

    /// <summary>No corruption.</summary>
    /// <param name="leaksToo">Nor leaks.</param>
    public async Task CheckAsync(string name, bool leaksToo)
    {
        Assert.True(Node(name).TryGetFacet<IImageCheck>(out var check));
        var found = await check.CheckAsync(CheckRepair.None, CancellationToken.None);
        Assert.True(
            found.Corruptions == 0 && found.CheckErrors == 0 && (!leaksToo || found.Leaks == 0),
            $"{name}: {string.Join('\n', found.Messages)}");
    }

    public ValueTask DisposeAsync() => _bed.DisposeAsync();
}
