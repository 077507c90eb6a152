// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace BlockHost.EndToEnd.Tests.Support;

/// <summary>A program that runs until it is told to end.</summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    private const int SigTerm = 15;
    private const int SigKill = 9;
    private const int SigStop = 19;
    private const int SigCont = 18;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private ServerProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Append(line.Data);
        process.ErrorDataReceived += (_, line) => Append(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int Id => _process.Id;

    /// <summary>Both streams so far.</summary>
    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    /// <summary>Starts a program and waits until a file is there; if it is a socket, until somebody listens on it.</summary>
    public static async Task<ServerProcess> StartAsync(
        string readyWhen, string folder, string program, params IReadOnlyList<string> args)
    {
        var server = new ServerProcess(CommandRunner.Start(folder, program, args));
        var clock = Stopwatch.StartNew();
        while (!Readiness.IsReady(readyWhen))
        {
            if (server._process.HasExited || clock.Elapsed > Patience)
            {
                var output = server.Output;
                await server.DisposeAsync();
                throw new InvalidOperationException($"{program} does not get ready: {output}");
            }

            await Task.Delay(20);
        }

        return server;
    }

    public Task<int> TerminateAsync() => SignalAsync(SigTerm);

    public Task<int> KillAsync() => SignalAsync(SigKill);

    /// <summary>It does nothing any more, not even refuse, until <see cref="Thaw"/>.</summary>
    public void Freeze() => Kill(_process.Id, SigStop);

    public void Thaw() => Kill(_process.Id, SigCont);

    public async Task<int> ExitCodeAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await KillAsync();
        _process.Dispose();
    }

    private Task<int> SignalAsync(int signal)
    {
        Kill(_process.Id, signal);
        return ExitCodeAsync();
    }

    private void Append(string? line)
    {
        lock (_output)
            _output.Append(line).Append('\n');
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}
