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
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    internal static readonly BackendOptions Guest = new()
    {
        Permissions = new(BlockPermissions.ConsistentRead | BlockPermissions.Write, BlockPermissions.All),
        Name = "guest",
    };

    internal static readonly BackendOptions Reader = new()
    { Permissions = new(BlockPermissions.ConsistentRead, BlockPermissions.All) };

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
    protected async Task AddAsync(
        string name, string? backing = null, string discard = "ignore", long size = Size, int clusterSize = 65536)
    {
        var path = PathOf(name);
        var more = backing is null ? "" : $",\"backing-file\":\"{PathOf(backing)}\",\"backing-fmt\":\"qcow2\"";
        await _bed.Graph.CreateImageAsync(Json($$"""{"driver":"file","filename":"{{path}}","size":0}"""), CancellationToken.None);
        await _bed.Graph.CreateImageAsync(
            Json(
                $$$"""{"driver":"qcow2","file":{"driver":"file","filename":"{{{path}}}"},"size":{{{size}}},"cluster-size":{{{clusterSize}}}{{{more}}} } """),
            CancellationToken.None);
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

    /// <summary>Waits until the job is ready, and has it end so.</summary>
    protected async Task CompleteJobAsync()
    {
        await UntilAsync(JobStatus.Ready);
        await ExecuteAsync("job-complete", "\"id\":\"j\"");
        await UntilGoneAsync();
    }

    protected async Task CancelJobAsync()
    {
        await ExecuteAsync("job-cancel", "\"id\":\"j\"");
        await UntilGoneAsync();
    }

    /// <summary>Where the job is ready it completes, and guests stay where they are.</summary>
    protected async Task CancelSoftlyAsync()
    {
        await ExecuteAsync("block-job-cancel", "\"device\":\"j\"");
        await UntilGoneAsync();
    }

    protected IGraphNode Node(string name) => _bed.Graph.Lookup(null, name);

    protected IEnumerable<string> NamedNodes => _bed.Graph.Nodes.Where(node => !node.HasGeneratedName).Select(node => node.Name);

    /// <summary>For a guest's reads and writes.</summary>
    protected ValueTask<IBlockBackend> OpenAsync(string node) =>
        _bed.Graph.CreateBackendAsync(Node(node), Guest, CancellationToken.None);

    /// <summary>A guest that has written so many times.</summary>
    private protected async Task<GuestWriter> StartGuestAsync(string node, int seed, int writes = 0, byte[]? holds = null)
    {
        var guest = new GuestWriter(await OpenAsync(node), seed, holds);
        await guest.WriteAsync(writes);
        return guest;
    }

    protected async Task WriteAsync(string node, byte value, int offset, int length)
    {
        await using var guest = await OpenAsync(node);
        await using var queue = guest.OpenQueue();
        Assert.True((await queue.WriteAsync(offset, Filled(value, length))).IsOk);
    }

    protected async Task<byte[]> ReadAsync(string name)
    {
        await using var backend = await _bed.Graph.CreateBackendAsync(Node(name), Reader, CancellationToken.None);
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
