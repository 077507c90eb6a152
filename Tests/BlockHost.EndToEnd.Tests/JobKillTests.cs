// SPDX-License-Identifier: MIT
using System.Diagnostics;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>
/// Daemons that die in the middle of a stream, a mirror or a backup of base ◄ middle ◄ top: the chain reads as before, with all
/// that guests have flushed, and the job can be done again from the start.
/// </summary>
public sealed class JobKillTests : KillTest
{
    private const string Stream = "\"execute\": \"block-stream\", \"arguments\": {\"job-id\": \"j\", \"device\": \"top\"";
    private const string Mirror =
        "\"execute\": \"blockdev-mirror\", \"arguments\": {\"job-id\": \"j\", \"device\": \"top\", \"target\": \"target\", \"sync\": \"full\"";
    private const string Backup =
        "\"execute\": \"blockdev-backup\", \"arguments\": {\"job-id\": \"j\", \"device\": \"top\", \"target\": \"target\", \"sync\": \"full\"";

    [SkippableTheory]
    [InlineData("running", 60)]
    [InlineData("running", 200)]
    [InlineData("concluded", 0)]
    public async Task Of_a_stream(string state, int milliseconds)
    {
        await KillAsync(Stream, state, milliseconds);
        CheckChain();
        await AgainAsync(Stream, "top.qcow2");
    }

    [SkippableTheory]
    [InlineData("background", "running", 100)]
    [InlineData("background", "ready", 20)]
    [InlineData("write-blocking", "running", 100)]
    [InlineData("write-blocking", "ready", 20)]
    public async Task Of_a_mirror(string copyMode, string state, int milliseconds)
    {
        await KillAsync($"{Mirror}, \"copy-mode\": \"{copyMode}\"", state, milliseconds);
        CheckChain();
        CheckTarget();
        await AgainAsync(Mirror, "target.qcow2");
    }

    [SkippableTheory]
    [InlineData("running", 60)]
    [InlineData("running", 200)]
    public async Task Of_a_backup(string state, int milliseconds)
    {
        await KillAsync(Backup, state, milliseconds);
        CheckChain();
        CheckTarget();
        await AgainAsync(Backup, "target.qcow2");
    }

    private async Task KillAsync(string job, string state, int milliseconds)
    {
        MakeChain();
        await using var daemon = await ServeAsync();
        using var qmp = await QmpClient.ConnectAsync(Folder["qmp.sock"]);
        await AddTargetAsync(qmp);
        await qmp.RunAsync($"{{{job}, \"speed\": 40000000}}}}");
        WriteAndFlush("write -P 9 3M 100k");
        using var guest = StartWriter();
        await UntilAsync(qmp, state);
        await Task.Delay(milliseconds);
        await daemon.KillAsync();
        await guest.WaitForExitAsync();
    }

    /// <summary>Writes all the while what is there already: it does not matter which of it the daemon takes with it.</summary>
    private Process StartWriter()
    {
        var writes = Enumerable.Range(0, 200).SelectMany(i => new[] { "-c", $"write -q -P 3 {10240 + (i % 16 * 64)}k 64k" });
        return CommandRunner.Start(
            Folder.Path, "qemu-io", ["-f", "raw", .. writes, $"nbd+unix:///disk?socket={Folder["nbd.sock"]}"]);
    }

    private async Task AgainAsync(string job, string result)
    {
        foreach (var socket in (string[])["qmp.sock", "nbd.sock"])
            File.Delete(Folder[socket]);
        await using (var daemon = await ServeAsync())
        {
            using var qmp = await QmpClient.ConnectAsync(Folder["qmp.sock"]);
            await AddTargetAsync(qmp);
            await qmp.RunAsync($"{{{job}}}}}");
            if (job == Mirror)
            {
                await UntilAsync(qmp, "ready");
                await qmp.RunAsync("""{"execute": "job-complete", "arguments": {"id": "j"}}""");
            }

            await UntilAsync(qmp, "concluded");
            Assert.Equal(0, await daemon.TerminateAsync());
        }

        Compare(result);
    }

    private async Task AddTargetAsync(QmpClient qmp)
    {
        Run("qemu-img", "create", "-q", "-f", "qcow2", "target.qcow2", "64M");
        await qmp.RunAsync(
            """{"execute": "blockdev-add", "arguments": {"driver": "qcow2", "node-name": "target", "file": {"driver": "file", "filename": "target.qcow2"}}}""");
    }

    private void CheckTarget()
    {
        var check = CommandRunner.RunIn(Folder.Path, "qemu-img", "check", "target.qcow2");
        Assert.True(check.ExitCode is 0 or 3, $"Only leaks are allowed: {check}");
    }
}
