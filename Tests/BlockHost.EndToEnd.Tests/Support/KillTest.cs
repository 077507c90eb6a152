// SPDX-License-Identifier: MIT
namespace BlockHost.EndToEnd.Tests.Support;

/// <summary>A daemon that serves base ◄ middle ◄ top, of 64 MiB, and dies; expected.raw holds what guests have flushed.</summary>
public abstract class KillTest : IDisposable
{
    private protected Folder Folder { get; } = new();

    public virtual void Dispose()
    {
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected void MakeChain()
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

    private protected Task<ServerProcess> ServeAsync() => ServerProcess.StartAsync(
        Folder["qmp.sock"],
        Folder.Path,
        Programs.Native,
        "serve",
        "--blockdev", "driver=qcow2,node-name=top,file.driver=file,file.filename=top.qcow2",
        "--nbd-server", $"addr.type=unix,addr.path={Folder["nbd.sock"]}",
        "--export", "type=nbd,id=e,node-name=top,name=disk,writable=on",
        "--chardev", $"socket,id=qmp,path={Folder["qmp.sock"]},server=on,wait=off",
        "--monitor", "chardev=qmp");

    /// <summary>A guest has been told that it is on disk.</summary>
    private protected void WriteAndFlush(string command)
    {
        Run("qemu-io", "-f", "raw", "-c", command, "-c", "flush", $"nbd+unix:///disk?socket={Folder["nbd.sock"]}");
        Run("qemu-io", "-f", "raw", "-c", command, "expected.raw");
    }

    private protected static Task UntilAsync(QmpClient qmp, string state) =>
        qmp.WaitForAsync(
            told =>
                told.GetProperty("event").GetString() == "JOB_STATUS_CHANGE"
                    && told.GetProperty("data").GetProperty("status").GetString() == state);

    private protected void CheckChain()
    {
        foreach (var image in (string[])["base.qcow2", "middle.qcow2", "top.qcow2"])
        {
            var check = CommandRunner.RunIn(Folder.Path, "qemu-img", "check", image);
            Assert.True(check.ExitCode is 0 or 3, $"Only leaks are allowed in {image}: {check}");
        }

        var ours = CommandRunner.RunIn(Folder.Path, Programs.Ours("qemu-img"), "check", "base.qcow2");
        Assert.True(ours.ExitCode is 0 or 3, $"Only leaks are allowed: {ours}");

        Compare("top.qcow2");
    }

    private protected void Compare(string image) => Run("qemu-img", "compare", "-f", "qcow2", "-F", "raw", image, "expected.raw");

    private protected void Run(string program, params string[] arguments) => CommandRunner.Check(Folder.Path, program, arguments);
}
