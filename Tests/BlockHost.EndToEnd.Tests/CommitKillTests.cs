// SPDX-License-Identifier: MIT
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>Daemons that die in the middle of a commit of base ◄ middle ◄ top: the chain reads as before, with all that guests have flushed.</summary>
public sealed class CommitKillTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData("running", 60)]
    [InlineData("running", 150)]
    [InlineData("pending", 0)]
    [InlineData("concluded", 0)]
    public async Task Of_a_layer_that_nobody_writes(string state, int milliseconds)
    {
        MakeChain();
        await using (var daemon = await ServeAsync())
        {
            using var qmp = await QmpClient.ConnectAsync(_folder["qmp.sock"]);
            await qmp.RunAsync("""{"execute": "block-commit", "arguments": {"job-id": "j", "device": "top", "top": "middle.qcow2", "speed": 20000000}}""");
            WriteAndFlush("write -P 9 3M 100k");
            await UntilAsync(qmp, state);
            await Task.Delay(milliseconds);
            await daemon.KillAsync();
        }

        CheckChain();
    }

    [SkippableTheory]
    [InlineData("running", 100)]
    [InlineData("ready", 100)]
    [InlineData("waiting", 0)]
    [InlineData("concluded", 0)]
    public async Task Of_the_layer_that_guests_write(string state, int milliseconds)
    {
        MakeChain();
        await using (var daemon = await ServeAsync())
        {
            using var qmp = await QmpClient.ConnectAsync(_folder["qmp.sock"]);
            await qmp.RunAsync("""{"execute": "block-commit", "arguments": {"job-id": "j", "device": "top", "speed": 20000000}}""");
            WriteAndFlush("write -P 9 3M 100k");
            if (state is "waiting" or "concluded")
            {
                await UntilAsync(qmp, "ready");
                WriteAndFlush("write -z 5M 100k");
                await qmp.RunAsync("""{"execute": "job-complete", "arguments": {"id": "j"}}""");
            }

            await UntilAsync(qmp, state);
            await Task.Delay(milliseconds);
            await daemon.KillAsync();
        }

        CheckChain();
        if (state == "concluded")
            Compare("base.qcow2");
    }

    private void MakeChain()
    {
        Programs.Require("qemu-img", "qemu-io");
        Run("qemu-img", "create", "-q", "-f", "qcow2", "base.qcow2", "64M");
        Run("qemu-io", "-f", "qcow2", "-c", "write -q -P 1 0 16M", "base.qcow2");
        Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", "middle.qcow2");
        Run("qemu-io", "-f", "qcow2", "-c", "write -q -P 2 8M 24M", "-c", "write -q -z 1M 2M", "middle.qcow2");
        Run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "middle.qcow2", "-F", "qcow2", "top.qcow2");
        Run("qemu-io", "-f", "qcow2", "-c", "write -q -P 3 10M 1M", "-c", "write -q -P 4 2M 50k", "top.qcow2");
        Run("qemu-img", "convert", "-O", "raw", "top.qcow2", "expected.raw");
    }

    private Task<ServerProcess> ServeAsync() => ServerProcess.StartAsync(
        _folder["qmp.sock"],
        _folder.Path,
        Programs.Blockhost,
        "serve",
        "--blockdev", "driver=qcow2,node-name=top,file.driver=file,file.filename=top.qcow2",
        "--nbd-server", $"addr.type=unix,addr.path={_folder["nbd.sock"]}",
        "--export", "type=nbd,id=e,node-name=top,name=disk,writable=on",
        "--chardev", $"socket,id=qmp,path={_folder["qmp.sock"]},server=on,wait=off",
        "--monitor", "chardev=qmp");

    /// <summary>A guest has been told that it is on disk.</summary>
    private void WriteAndFlush(string command)
    {
        Run("qemu-io", "-f", "raw", "-c", command, "-c", "flush", $"nbd+unix:///disk?socket={_folder["nbd.sock"]}");
        Run("qemu-io", "-f", "raw", "-c", command, "expected.raw");
    }

    private static Task UntilAsync(QmpClient qmp, string state) =>
        qmp.WaitForAsync(told => told.GetProperty("event").GetString() == "JOB_STATUS_CHANGE" && told.GetProperty("data").GetProperty("status").GetString() == state);

    private void CheckChain()
    {
        foreach (var image in (string[])["base.qcow2", "middle.qcow2", "top.qcow2"])
        {
            var check = CommandRunner.RunIn(_folder.Path, "qemu-img", "check", image);
            Assert.True(check.ExitCode is 0 or 3, $"Only leaks are allowed in {image}: {check}");
        }

        var ours = CommandRunner.RunIn(_folder.Path, Programs.Ours("qemu-img"), "check", "base.qcow2");
        Assert.True(ours.ExitCode is 0 or 3, $"Only leaks are allowed: {ours}");

        Compare("top.qcow2");
    }

    private void Compare(string image) => Run("qemu-img", "compare", "-f", "qcow2", "-F", "raw", image, "expected.raw");

    private void Run(string program, params string[] arguments) => CommandRunner.Check(_folder.Path, program, arguments);
}
