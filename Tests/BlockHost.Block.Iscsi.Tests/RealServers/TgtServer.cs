// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace BlockHost.Block.Iscsi.Tests.RealServers;

/// <summary>
/// Linux' SCSI target framework in user space, with one target whose disks are files of a folder; its port and its control
/// socket are its own.
/// </summary>
internal sealed class TgtServer : IAsyncDisposable
{
    public const string Target = "iqn.2024-01.test:d";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly List<string[]> _set = [];
    private Process _process = null!;

    private TgtServer()
    {
    }

    public static bool IsInstalled => Find("tgtd") is not null && Find("tgtadm") is not null;

    public string Folder { get; } = Directory.CreateTempSubdirectory("tgt").FullName;

    public int Port { get; } = Ports.Free();

    public string this[string name] => Path.Combine(Folder, name);

    public static async Task<TgtServer> StartAsync()
    {
        Skip.IfNot(IsInstalled, "tgt is not installed");
        var server = new TgtServer();
        await server.RunAsync();
        server.Keep("target", "new", "--targetname", Target);
        foreach (var digest in new[] { "HeaderDigest", "DataDigest" })
            server.Keep("target", "update", "--name", digest, "--value", "None,CRC32C");
        server.Keep("target", "bind", "-I", "ALL");
        return server;
    }

    /// <summary>A disk with so many bytes of zeroes.</summary>
    /// <param name="parameters">As of tgtadm, for what it says of itself.</param>
    /// <param name="more">As of tgtadm, for how it is made.</param>
    public string AddDisk(int lun, long length, string parameters = "", params string[] more)
    {
        var path = this[$"disk{lun}"];
        using (var file = File.Create(path))
        {
            file.SetLength(length);
        }

        Keep("logicalunit", "new", ["--lun", $"{lun}", "--backing-store", path, .. more]);
        if (parameters.Length > 0)
            Keep("logicalunit", "update", "--lun", $"{lun}", "--params", parameters);
        return path;
    }

    /// <param name="more">Options beside where it is.</param>
    public JsonElement Options(int lun, string more = "{}")
    {
        var options = JsonNode.Parse(more)!.AsObject();
        options["transport"] = "tcp";
        options["portal"] ??= $"127.0.0.1:{Port}";
        options["target"] ??= Target;
        options["lun"] = lun;
        return JsonSerializer.SerializeToElement(options);
    }

    public string Url(int lun) => $"iscsi://127.0.0.1:{Port}/{Target}/{lun}";

    /// <summary>With tgtadm, and again when the server is started again.</summary>
    public void Keep(string mode, string operation, params string[] arguments)
    {
        _set.Add([mode, operation, .. arguments]);
        Set(mode, operation, arguments);
    }

    /// <summary>With tgtadm, for target 1.</summary>
    public void Set(string mode, string operation, params string[] arguments)
    {
        string[] target = mode == "account" && operation == "new" ? [] : ["--tid", "1"];
        var (code, said) = Administer(["--mode", mode, "--op", operation, .. target, .. arguments]);
        Assert.True(code == 0, said);
    }

    /// <summary>Everything stands still, and answers nothing any more.</summary>
    public void FallSilent() => Processes.Stop(_process.Id);

    public void GoOn() => Signal("CONT");

    /// <summary>It ends without a word, and there is nobody any more.</summary>
    public async Task EndAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>It is there again, as it was.</summary>
    public async Task StartAgainAsync()
    {
        await RunAsync();
        foreach (var step in _set)
            Set(step[0], step[1], step[2..]);
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        Directory.Delete(Folder, recursive: true);
    }

    public static (int Code, string Said) Run(string program, params string[] arguments) => Run(Starting(program, arguments));

    private static (int Code, string Said) Run(ProcessStartInfo start)
    {
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var said = process.StandardOutput.ReadToEnd() + errors.Result;
        process.WaitForExit();
        return (process.ExitCode, said);
    }

    private async Task RunAsync()
    {
        _process = Process.Start(WithSocket(Starting(Find("tgtd")!, "-f", "--iscsi", $"portal=127.0.0.1:{Port}")))!;
        _ = _process.StandardError.ReadToEndAsync();
        _ = _process.StandardOutput.ReadToEndAsync();
        for (var clock = Stopwatch.StartNew(); !await IsReadyAsync(); await Task.Delay(20))
            Assert.True(!_process.HasExited && clock.Elapsed < Patience, "tgtd does not start");
    }

    private async Task<bool> IsReadyAsync() =>
        Administer("--mode", "target", "--op", "show").Code == 0 && await Ports.AnswersAsync(Port);

    private (int Code, string Said) Administer(params string[] arguments) =>
        Run(WithSocket(Starting(Find("tgtadm")!, ["--lld", "iscsi", .. arguments])));

    /// <summary>The control socket is this server's alone, and where anybody may make one.</summary>
    private ProcessStartInfo WithSocket(ProcessStartInfo start)
    {
        start.Environment["TGT_IPC_SOCKET"] = this["control"];
        return start;
    }

    /// <summary>They are for administrators, whose programs others do not find.</summary>
    private static string? Find(string program) => InstalledPrograms.Find(program)
        ?? (File.Exists($"/usr/sbin/{program}") ? $"/usr/sbin/{program}" : null);

    private static ProcessStartInfo Starting(string program, params string[] arguments) =>
        new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };

    private void Signal(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{_process.Id}"]);
        kill.WaitForExit();
    }
}
