// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Nbd;

namespace BlockHost.Block.Nbd.Tests.RealServers;

/// <summary>
/// nbdkit or qemu-nbd, in a folder of its own, over a Unix socket or TCP; a test is skipped where it is not installed.
/// </summary>
internal sealed class ServerProgram : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _program;
    private readonly bool _tcp;
    private readonly int _port;
    private Process? _process;

    private ServerProgram(string program, bool tcp)
    {
        (_program, _tcp) = (program, tcp);
        _port = tcp ? Ports.Free() : 0;
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("nbd").FullName;

    /// <summary>The driver's option "server".</summary>
    public object Address => _tcp
        ? new { type = "inet", host = "127.0.0.1", port = $"{_port}" }
        : new { type = "unix", path = SocketPath };

    public string SocketPath => this["s"];

    private string PidFile => this["pid"];

    /// <summary>A file in its folder.</summary>
    public string this[string name] => Path.Combine(Folder, name);

    public static Task<ServerProgram> NbdkitAsync(params string[] arguments) => RunAsync("nbdkit", tcp: false, _ => arguments);

    /// <param name="arguments">Made when its folder is there.</param>
    public static async Task<ServerProgram> RunAsync(string program, bool tcp, Func<ServerProgram, string[]> arguments)
    {
        Skip.IfNot(InstalledPrograms.Has(program), $"{program} is not installed");
        var server = new ServerProgram(program, tcp);
        await server.StartAsync(arguments(server));
        return server;
    }

    /// <summary>Again, when it has been killed: at the same address.</summary>
    public async Task StartAsync(params string[] arguments)
    {
        File.Delete(SocketPath);
        File.Delete(PidFile);
        string[] own = _program == "nbdkit"
            ? ["-f", "-P", PidFile, .. _tcp ? ["-i", "127.0.0.1", "-p", $"{_port}"] : new[] { "-U", SocketPath }]
            : ["-t", "--pid-file", PidFile, .. _tcp ? ["-b", "127.0.0.1", "-p", $"{_port}"] : new[] { "-k", SocketPath }];
        _process = await LaunchAsync([.. own, .. arguments]);
        var errors = _process.StandardError.ReadToEndAsync();
        // Both write it when they listen.
        for (var clock = Stopwatch.StartNew(); !File.Exists(PidFile) || new FileInfo(PidFile).Length == 0; await Task.Delay(5))
        {
            if (_process.HasExited || clock.Elapsed > Patience)
                throw new InvalidOperationException(
                    $"{_program} does not get ready ({(_process.HasExited ? $"{_process.ExitCode}: {await errors}" : "it still runs")})");
        }
    }

    public void Kill()
    {
        _process!.Kill();
        _process.WaitForExit();
    }

    /// <param name="more">Options beside the server's address, as JSON.</param>
    public JsonElement Options(string more = "{}")
    {
        var options = JsonNode.Parse(more)!.AsObject();
        options["server"] = JsonSerializer.SerializeToNode(Address);
        return JsonSerializer.SerializeToElement(options);
    }

    public async Task<BlockNode> OpenAsync(string more = "{}", TestNodeContext? context = null) =>
        await new NbdDriver().OpenAsync(
            context ?? new TestNodeContext(new TestPluginHost()), Options(more), CancellationToken.None);

    public ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
            Kill();
        Directory.Delete(Folder, recursive: true);
        return default;
    }

    /// <summary>
    /// nbdkit asks the kernel to end it with the thread that started it: so that thread stays as long as the server.
    /// </summary>
    private Task<Process> LaunchAsync(string[] arguments)
    {
        var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        var start = new ProcessStartInfo(_program, arguments) { WorkingDirectory = Folder, RedirectStandardError = true };
        new Thread(() =>
        {
            var process = Process.Start(start)!;
            started.SetResult(process);
            process.WaitForExit();
        })
        { IsBackground = true }.Start();
        return started.Task;
    }
}
