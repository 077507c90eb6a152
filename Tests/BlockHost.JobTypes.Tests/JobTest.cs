// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Jobs;
using BlockHost.Oracle.Tests.Support;

namespace BlockHost.JobTypes.Tests;

/// <summary>A host with real images in a folder, and a job "j".</summary>
public abstract class JobTest : IAsyncLifetime
{
    protected const int Size = 4 << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    internal static readonly BackendOptions Guest = new()
    {
        Permissions = new(BlockPermissions.ConsistentRead | BlockPermissions.Write, BlockPermissions.All),
        Name = "guest",
    };

    private readonly string _folder = Directory.CreateTempSubdirectory("job").FullName;
    private HostBed _bed = null!;

    private protected HostBed Bed => _bed;

    public virtual async Task InitializeAsync() => _bed = await HostBed.StartAsync(new BlkdebugPlugin());

    public async Task DisposeAsync()
    {
        await _bed.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    protected static byte[] Filled(byte value, int length)
    {
        var bytes = new byte[length];
        bytes.AsSpan().Fill(value);
        return bytes;
    }

    protected string PathOf(string name) => Path.Combine(_folder, name);

    /// <summary>A new image, open as a node of that name.</summary>
    /// <param name="backing">A node; its file is the backing file.</param>
    protected async Task AddAsync(string name, string? backing = null, string discard = "ignore", long size = Size, int clusterSize = 65536)
    {
        var path = PathOf(name);
        var more = backing is null ? "" : $",\"backing-file\":\"{PathOf(backing)}\",\"backing-fmt\":\"qcow2\"";
        await _bed.Graph.CreateImageAsync(Json($$"""{"driver":"file","filename":"{{path}}","size":0}"""), CancellationToken.None);
        await _bed.Graph.CreateImageAsync(Json($$$"""{"driver":"qcow2","file":{"driver":"file","filename":"{{{path}}}"},"size":{{{size}}},"cluster-size":{{{clusterSize}}}{{{more}}} } """), CancellationToken.None);
        await ExecuteAsync("blockdev-add", $$"""
            "driver":"qcow2","node-name":"{{name}}","discard":"{{discard}}","file":{"driver":"file","filename":"{{path}}"}{{(backing is null ? "" : $",\"backing\":\"{backing}\"")}}
            """);
    }

    protected async Task ExecuteAsync(string command, string arguments)
    {
        var answer = await _bed.ExecuteAsync($$$"""{"execute":"{{{command}}}","arguments":{ {{{arguments}}} } }""");
        Assert.True(answer["error"] is null, $"{command}: {answer["error"]}");
    }

    protected async Task UntilAsync(JobStatus status)
    {
        var clock = Stopwatch.StartNew();
        while (!_bed.Host.Jobs.TryGet("j", out var job) || job.Info.Status != status)
        {
            Assert.True(clock.Elapsed < Patience, $"the job is never {status}");
            await Task.Delay(2);
        }
    }

    protected async Task UntilGoneAsync()
    {
        var clock = Stopwatch.StartNew();
        while (_bed.Host.Jobs.TryGet("j", out var job))
        {
            Assert.True(clock.Elapsed < Patience, $"the job stays {job.Info.Status}: {job.Info.Error}");
            await Task.Delay(2);
        }
    }

    protected IGraphNode Node(string name) => _bed.Graph.Lookup(null, name);

    protected async Task<byte[]> ReadAsync(string name)
    {
        var options = new BackendOptions { Permissions = new(BlockPermissions.ConsistentRead, BlockPermissions.All) };
        await using var backend = await _bed.Graph.CreateBackendAsync(Node(name), options, CancellationToken.None);
        await using var queue = backend.OpenQueue();
        var bytes = new byte[backend.Length];
        Assert.True((await queue.ReadAsync(0, bytes)).IsOk);
        return bytes;
    }

    private static JsonElement Json(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }
}
