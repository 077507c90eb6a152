// SPDX-License-Identifier: MIT
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>
/// soak/unloading.py: plugins are unloaded amid all kinds of commands; the daemon lives, and what is wanted comes back.
/// BLOCKHOST_UNLOADING=COMMANDS makes it longer; the script itself takes a seed.
/// </summary>
public sealed class UnloadingTests
{
    private const string CheckedBuffers = "BLOCKHOST_CHECKED_BUFFERS";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(60);

    [SkippableTheory]
    [InlineData(1, "")]
    [InlineData(2, "1")]
    public void A_daemon_lives_whatever_is_unloaded_and_gives_back_what_is_wanted(int seed, string checkedBuffers)
    {
        Programs.Require("python3", "qemu-img");
        var commands = Environment.GetEnvironmentVariable("BLOCKHOST_UNLOADING") ?? "150";
        using var folder = new Folder();
        var script = Path.Combine(SourceTree.Root, "Tests", "BlockHost.EndToEnd.Tests", "soak", "unloading.py");

        var result = CommandRunner.RunIn(
            folder.Path, "env", Patience, [$"{CheckedBuffers}={checkedBuffers}", "python3", script, Path.GetDirectoryName(
                Programs.Blockhost)!, commands, $"{seed}"]);

        Assert.True(result.ExitCode == 0, result.ToString());
    }
}
