// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace BlockHost.Block.Ssh.Tests.RealServers;

/// <summary>OpenSSH's server, for whoever runs the tests alone: keys, configuration and files in a folder of its own.</summary>
internal sealed class SshServer : IAsyncDisposable
{
    private const string Program = "/usr/sbin/sshd";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private Process _process = null!;

    public string Folder { get; } = Directory.CreateTempSubdirectory("ssh").FullName;

    public int Port { get; } = Ports.Free();

    /// <summary>Of ssh: with the key that the server takes, and the server among the known hosts.</summary>
    public string ClientConfig => this["client.conf"];

    public string this[string name] => Path.Combine(Folder, name);

    /// <param name="sftp">The SFTP server's command.</param>
    public static async Task<SshServer> StartAsync(string sftp = "internal-sftp")
    {
        Skip.IfNot(File.Exists(Program) && InstalledPrograms.Has("ssh"), "OpenSSH's server and client are not installed");
        var server = new SshServer();
        server.Configure(sftp);
        await server.RunAsync();
        return server;
    }

    /// <param name="more">Options beside the server and the path.</param>
    public JsonElement Options(string file, string more = "{}")
    {
        var options = JsonNode.Parse(more)!.AsObject();
        options["server"] = new JsonObject { ["host"] = "127.0.0.1", ["port"] = $"{Port}" };
        options["path"] = this[file];
        options["x-blockhost-config"] ??= ClientConfig;
        return JsonSerializer.SerializeToElement(options);
    }

    /// <summary>Everything that serves a connection stops, and answers nothing any more.</summary>
    public void FallSilent() => Descendants(_process.Id).ForEach(Processes.Stop);

    public void GoOn() => Signal("CONT");

    /// <summary>Connections end, and new ones can be made.</summary>
    public void Cut() => Signal("KILL");

    /// <summary>As <see cref="Cut"/>, and there is nobody any more.</summary>
    public async Task EndAsync()
    {
        Signal("CONT");
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        Cut();
    }

    public async Task RunAsync()
    {
        _process = Process.Start(
            new ProcessStartInfo(Program, ["-D", "-e", "-f", this["sshd.conf"]]) { RedirectStandardError = true })!;
        _ = _process.StandardError.ReadToEndAsync();
        for (var clock = Stopwatch.StartNew(); !await Ports.AnswersAsync(Port); await Task.Delay(10))
            Assert.True(!_process.HasExited && clock.Elapsed < Patience, "sshd does not start");
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        Directory.Delete(Folder, recursive: true);
    }

    private void Configure(string sftp)
    {
        if (Environment.UserName == "root")
            Directory.CreateDirectory("/run/sshd");
        foreach (var key in new[] { "host", "user" })
            Run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", this[key]);
        File.WriteAllLines(this["sshd.conf"], [
            $"Port {Port}", "ListenAddress 127.0.0.1", $"HostKey {this["host"]}", $"AuthorizedKeysFile {this["user.pub"]}",
            "StrictModes no", "PidFile none", "UsePAM no", "PermitRootLogin yes", "PasswordAuthentication no",
            $"Subsystem sftp {sftp}"]);
        File.WriteAllText(this["known_hosts"], $"[127.0.0.1]:{Port} {File.ReadAllText(this["host.pub"])}");
        File.WriteAllLines(ClientConfig, [
            $"IdentityFile {this["user"]}", "IdentitiesOnly yes", $"UserKnownHostsFile {this["known_hosts"]}",
            "GlobalKnownHostsFile /dev/null"]);
    }

    /// <summary>To all that the server has started.</summary>
    private void Signal(string signal)
    {
        foreach (var id in Descendants(_process.Id))
            Process.Start("kill", [$"-{signal}", $"{id}"]).WaitForExit();
    }

    private static List<int> Descendants(int parent)
    {
        var children = Directory.GetDirectories("/proc").Select(Path.GetFileName)
            .Where(name => int.TryParse(name, out _)).Select(name => int.Parse(name!, null))
            .Where(id => ParentOf(id) == parent).ToList();
        return [.. children, .. children.SelectMany(Descendants)];
    }

    private static int ParentOf(int id)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{id}/stat");
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], null);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static string Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return said;
    }
}
