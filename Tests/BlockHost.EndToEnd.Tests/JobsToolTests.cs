// SPDX-License-Identifier: MIT
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>blockhost jobs beside a running daemon: ours, and qemu-storage-daemon, which tells less.</summary>
public sealed class JobsToolTests
{
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Jobs_are_listed_and_steered(bool ours)
    {
        if (!ours)
            Programs.Require("qemu-storage-daemon");
        using var folder = new Folder();
        await using var daemon = await ServerProcess.StartAsync(
            folder["qmp.sock"], folder.Path, ours ? Programs.Ours("qemu-storage-daemon") : "qemu-storage-daemon",
            "--chardev", $"socket,id=c,path={folder["qmp.sock"]},server=on,wait=off", "--monitor", "chardev=c");
        using (var qmp = await QmpClient.ConnectAsync(folder["qmp.sock"]))
        {
            var path = folder["new.raw"];
            await qmp.RunAsync(
                $$"""{"execute": "blockdev-create", "arguments": {"job-id": "made", "options": {"driver": "file", "filename": "{{path}}", "size": 512} } }""");
            await qmp.RunAsync(
                $$"""{"execute": "blockdev-create", "arguments": {"job-id": "lost", "options": {"driver": "file", "filename": "{{path}}/x", "size": 512} } }""");
        }

        var listed = await UntilAsync(() => Jobs(folder, "list").Output, output => output.Split("concluded").Length == 3);
        var lines = listed.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("made             create   concluded [==============================] 100.0%", lines[0]);
        Assert.StartsWith(
            "lost             create   concluded [==============================] 100.0%  Could not create", lines[1]);

        Assert.Equal(
            (1, "blockhost jobs: Job 'made' in state 'concluded' cannot accept command verb 'pause'\n"),
            (Jobs(folder, "pause", "made").ExitCode, Jobs(folder, "pause", "made").Error));
        Assert.Equal(
            (1, "blockhost jobs: Job not found\n"),
            (Jobs(folder, "dismiss", "none").ExitCode, Jobs(folder, "dismiss", "none").Error));
        Assert.Equal(0, Jobs(folder, "dismiss", "made").ExitCode);
        Assert.Equal(0, Jobs(folder, "dismiss", "lost").ExitCode);
        Assert.Equal("", Jobs(folder, "watch").Output);
    }

    [Fact]
    public void Without_a_daemon_it_says_where_it_looked()
    {
        using var folder = new Folder();

        var result = Jobs(folder, "list");

        Assert.Equal(1, result.ExitCode);
        Assert.Equal(
            $"blockhost jobs: no daemon answers at '{folder["qmp.sock"]}': there is no such socket; 'blockhost serve' starts one, and --qmp SOCKET names another's monitor\n",
            result.Error);
    }

    private static CommandResult Jobs(Folder folder, params string[] words) =>
        CommandRunner.RunIn(folder.Path, Programs.Native, ["jobs", "--qmp", folder["qmp.sock"], .. words]);

    private static async Task<string> UntilAsync(Func<string> look, Func<string, bool> isSo)
    {
        for (var turns = 0; turns < 50; turns++)
        {
            if (look() is var seen && isSo(seen))
                return seen;
            await Task.Delay(50);
        }

        return look();
    }
}
