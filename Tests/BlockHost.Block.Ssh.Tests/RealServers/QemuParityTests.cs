// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace BlockHost.Block.Ssh.Tests.RealServers;

/// <summary>QEMU's driver and ours on one server, in turns: what one writes the other reads.</summary>
public sealed class QemuParityTests
{
    [SkippableFact]
    public async Task What_one_writes_the_other_reads()
    {
        var areInstalled = InstalledPrograms.Has("qemu-io") && InstalledPrograms.Has("ssh-agent");
        Skip.IfNot(areInstalled, "qemu-io or ssh-agent is not installed");
        Skip.IfNot(Directory.Exists("/usr/lib/x86_64-linux-gnu/qemu"), "qemu-block-extra is not installed");
        await using var server = await SshServer.StartAsync();
        var content = Client.Noise(1 << 20);
        await File.WriteAllBytesAsync(server["disk"], content);
        using var agent = new Agent(server);
        var url = $"ssh://127.0.0.1:{server.Port}{server["disk"]}?host_key_check=no";

        Assert.Equal(0, agent.Run("qemu-io", "-f", "raw", "-c", "write -P 7 64k 64k", "-c", "flush", url));
        content.AsSpan(64 << 10, 64 << 10).Fill(7);
        await using (var node = await Client.OpenAsync(server.Options("disk")))
        {
            Assert.Equal(content, await node.ReadAsync(0, content.Length));
            await node.WriteAsync(4096, new byte[4096]);
            await node.FlushAsync();
        }

        Assert.Equal(0, agent.Run("qemu-io", "-f", "raw", "-c", "read -P 0 4k 4k", "-c", "read -P 7 64k 64k", url));
    }

    /// <summary>ssh-agent with the key that the server takes: QEMU's driver knows no other way.</summary>
    private sealed class Agent : IDisposable
    {
        private readonly string _socket;
        private readonly Process _agent;

        public Agent(SshServer server)
        {
            _socket = server["agent"];
            _agent = Process.Start(new ProcessStartInfo("ssh-agent", ["-D", "-a", _socket]) { RedirectStandardOutput = true })!;
            for (var clock = Stopwatch.StartNew(); !Readiness.IsReady(_socket) && clock.Elapsed < Client.Soon;)
                Thread.Sleep(10);
            Assert.Equal(0, Run("ssh-add", "-q", server["user"]));
        }

        public int Run(string program, params string[] arguments)
        {
            var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
            start.Environment["SSH_AUTH_SOCK"] = _socket;
            using var process = Process.Start(start)!;
            var said = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
            process.WaitForExit();
            return said.Contains("failed", StringComparison.Ordinal) ? -1 : process.ExitCode;
        }

        public void Dispose()
        {
            _agent.Kill();
            _agent.Dispose();
        }
    }
}
