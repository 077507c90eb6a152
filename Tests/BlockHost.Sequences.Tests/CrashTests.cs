// SPDX-License-Identifier: MIT
using BlockHost.Sequences.Tests.Crashes;
using BlockHost.Sequences.Tests.Relays;
using BlockHost.Tools.Differential.Tests.Sides;
using Xunit.Abstractions;

namespace BlockHost.Sequences.Tests;

/// <summary>
/// Power cuts while our tools work on an image of any format: requests, resizes, commits, rebases, repairs, snapshots, bitmaps,
/// amendments. BLOCKHOST_CRASHES is how many points to judge for each layout of each format (default: few enough for every day),
/// BLOCKHOST_CRASHES_FROM the first seed.
/// </summary>
[Collection(InProcessTool.OneAtATime)]
public sealed class CrashTests(ITestOutputHelper output)
{
    private const int Default = 1;

    public static TheoryData<string> Layouts =>
        [.. Layout.All.Where(layout => !layout.IsStream && layout.Format != "raw").Select(layout => layout.Name)];

    [SkippableTheory]
    [MemberData(nameof(Layouts))]
    public void A_power_cut_leaves_what_was_flushed_and_an_image_that_is_sound(string name)
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-img"), "qemu-img is not installed");
        var layout = Layout.All.Single(layout => layout.Name == name);
        var wanted = SearchSize.Of("BLOCKHOST_CRASHES", Default);
        var isFull = wanted > Default;
        var points = 0;
        for (var seed = SearchSize.Of("BLOCKHOST_CRASHES_FROM", 1); points < wanted; seed++)
        {
            var random = new Random(seed);
            var run = new CrashRun(layout, seed, wanted - points, () => isFull || random.Next(4) == 0);
            var failure = run.Run();
            points += run.Points;
            if (failure is not null)
                Assert.Fail($"{name}, seed {seed}, point {points}: {failure}");
        }

        output.WriteLine($"{name}: {points} points");
    }
}
