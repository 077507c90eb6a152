// SPDX-License-Identifier: MIT
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>Daemons that die in a commit of base ◄ middle ◄ top: the chain reads as before, with all that was flushed.</summary>
public sealed class CommitKillTests : KillTest
{
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
            using var qmp = await QmpClient.ConnectAsync(Folder["qmp.sock"]);
            await qmp.RunAsync(
                """{"execute": "block-commit", "arguments": {"job-id": "j", "device": "top", "top": "middle.qcow2", "speed": 20000000}}""");
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
            using var qmp = await QmpClient.ConnectAsync(Folder["qmp.sock"]);
            await qmp.RunAsync(
                """{"execute": "block-commit", "arguments": {"job-id": "j", "device": "top", "speed": 20000000}}""");
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
}
