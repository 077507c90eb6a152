// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace BlockHost.Oracle.Tests.Support;

/// <summary>A running qemu-storage-daemon.</summary>
internal sealed class RealDaemon : IDaemonSide
{
    private readonly Process _process;
    private readonly Channel<JsonNode> _answers = Channel.CreateUnbounded<JsonNode>();
    private readonly ConcurrentQueue<JsonNode> _events = [];

    private RealDaemon(Process process)
    {
        _process = process;
        _ = ReadAsync();
        // Warnings are nobody's business here, but the pipe must not fill up.
        _ = process.StandardError.ReadToEndAsync();
    }

    public IReadOnlyList<JsonNode> JobEvents => [.. _events];

    public static async Task<RealDaemon> StartAsync()
    {
        var daemon = new RealDaemon(StorageDaemon.Start("qemu-storage-daemon", "--chardev", "stdio,id=c", "--monitor", "c"));
        await daemon.ExecuteAsync("""{"execute":"qmp_capabilities"}""");
        return daemon;
    }

    public async Task<JsonNode> ExecuteAsync(string request)
    {
        await _process.StandardInput.WriteLineAsync(request);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        return await _answers.Reader.ReadAsync(patience.Token);
    }

    /// <summary>Ends in order: images are closed.</summary>
    public async Task QuitAsync()
    {
        await ExecuteAsync("""{"execute":"quit"}""");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await _process.WaitForExitAsync(patience.Token);
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            // Creating an image prints a line of its own.
            if (!line.StartsWith('{') || JsonNode.Parse(line) is not { } message || message["QMP"] is not null)
                continue;
            if (message["event"] is null)
                await _answers.Writer.WriteAsync(message);
            else if (IsOfJobs(message))
                _events.Enqueue(
                    new JsonObject { ["event"] = (string)message["event"]!, ["data"] = message["data"]!.DeepClone() });
        }

        _answers.Writer.TryComplete();
    }

    private static bool IsOfJobs(JsonNode message) => ((string)message["event"]!).Contains("JOB_");
}
