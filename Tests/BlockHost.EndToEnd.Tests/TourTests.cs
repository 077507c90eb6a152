// SPDX-License-Identifier: MIT
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>
/// soak/tour.py: every kind of job over a chain that guests write, and nothing is lost. BLOCKHOST_TOUR=ROUNDS makes it longer;
/// the script itself takes a seed.
/// </summary>
public sealed class TourTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(30);

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Guests_find_all_they_wrote_whatever_jobs_run(int seed)
    {
        Programs.Require("python3", "qemu-img");
        var rounds = Environment.GetEnvironmentVariable("BLOCKHOST_TOUR") ?? "8";
        using var folder = new Folder();

        var result = CommandRunner.RunIn(folder.Path, "python3", Patience, [Path.Combine(
            SourceTree.Root,
            "Tests",
            "BlockHost.EndToEnd.Tests",
            "soak",
            "tour.py"), Path.GetDirectoryName(Programs.Blockhost)!, rounds, $"{seed}"]);

        Assert.True(result.ExitCode == 0, result.ToString());
    }
}
