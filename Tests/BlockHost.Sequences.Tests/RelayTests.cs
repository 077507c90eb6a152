// SPDX-License-Identifier: MIT
using BlockHost.Sequences.Tests.Relays;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Sequences.Tests;

/// <summary>
/// Random sequences of writes, zeroes, discards, reopens, resizes, conversions, commits, rebases, repairs, snapshots, bitmaps and
/// amendments on one image, each step by QEMU's tools or by ours. BLOCKHOST_RELAYS is how many to run for each layout of each
/// format (default: few enough for every day), BLOCKHOST_RELAYS_FROM the first seed.
/// </summary>
[Collection(InProcessTool.OneAtATime)]
public sealed class RelayTests
{
    private const int Default = 1;

    public static TheoryData<string> Layouts => [.. Layout.All.Select(layout => layout.Name)];

    [SkippableTheory]
    [MemberData(nameof(Layouts))]
    public void What_either_program_has_written_the_other_goes_on_with(string name)
    {
        var areInstalled = InstalledPrograms.Has("qemu-img") && InstalledPrograms.Has("qemu-io");
        Skip.IfNot(areInstalled, "qemu-img and qemu-io are not installed");
        var layout = Layout.All.Single(layout => layout.Name == name);
        var from = SearchSize.Of("BLOCKHOST_RELAYS_FROM", 1);

        for (var seed = from; seed < from + SearchSize.Of("BLOCKHOST_RELAYS", Default); seed++)
        {
            var relay = Relay.Random(layout, seed);
            if (relay.Run() is { } failure)
                Assert.Fail($"{name}, seed {seed}: {Relay.Explain(relay, failure)}");
        }
    }
}
