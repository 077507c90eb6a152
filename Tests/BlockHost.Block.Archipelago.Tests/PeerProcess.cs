// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block.Archipelago.Peer;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Archipelago;

namespace BlockHost.Block.Archipelago.Tests;

/// <summary>Why nobody answers.</summary>
public enum PeerState
{
    Silent,
    HoldsLock,
    Stopped,
    Dead,
}

/// <summary>A storage node in a process of its own, with one volume, "vol".</summary>
internal sealed class PeerProcess : IAsyncDisposable
{
    public const int VolumeSize = 4 << 20;
    public const string Segment = "node";

    private readonly Process _process;

    private PeerProcess(Process process, string folder) => (_process, Folder) = (process, folder);

    public string Folder { get; }

    public TestPluginHost Host { get; } = new();

    public static async Task<PeerProcess> StartAsync(long size = VolumeSize)
    {
        var folder = Directory.CreateTempSubdirectory("blockhost-xseg-").FullName;
        Directory.CreateDirectory(Path.Combine(folder, "posixfd"));
        var program = Path.Combine(AppContext.BaseDirectory, "BlockHost.Block.Archipelago.Peer.dll");
        var start = new ProcessStartInfo("dotnet", [program, folder, Segment, $"{size}"])
        { RedirectStandardInput = true, RedirectStandardOutput = true };
        var process = Process.Start(start)!;
        Assert.Equal("ready", await process.StandardOutput.ReadLineAsync());
        return new(process, folder);
    }

    public async Task SwitchAsync(PeerMode mode)
    {
        await _process.StandardInput.WriteLineAsync(mode.ToString());
        await _process.StandardInput.FlushAsync();
        Assert.Equal("ok", await _process.StandardOutput.ReadLineAsync());
    }

    public async Task<BlockNode> OpenAsync(
        string volume = "vol", string segment = Segment, bool readOnly = false, Action<JsonObject>? options = null)
    {
        var json = new JsonObject { ["volume"] = volume, ["segment"] = segment };
        options?.Invoke(json);
        var context = new TestNodeContext(Host) { ReadOnly = readOnly };
        return await Driver().OpenAsync(context, JsonSerializer.SerializeToElement(json), CancellationToken.None);
    }

    public BlockDriver Driver()
    {
        var found = new Collector();
        new ArchipelagoPlugin(Folder).Register(found);
        return found.Driver!;
    }

    public string[] Pipes() => Directory.GetFiles(Path.Combine(Folder, "posixfd"));

    /// <summary>Brings the peer into a state in which it does not answer.</summary>
    public Task HangAsync(PeerState state) => state switch
    {
        PeerState.Silent => SwitchAsync(PeerMode.Silent),
        PeerState.HoldsLock => SwitchAsync(PeerMode.HoldsLock),
        PeerState.Stopped => Task.Run(() => Processes.Stop(_process.Id)),
        _ => EndAsync(),
    };

    public async Task EndAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _process.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private sealed class Collector : IPluginRegistry
    {
        public BlockDriver? Driver { get; private set; }

        public void Add(IProvided provided) => Driver = (BlockDriver)provided;
    }
}
