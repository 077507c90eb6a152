// SPDX-License-Identifier: MIT
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Sequences.Tests;

/// <summary>
/// Random sequences of writes, zeroes, discards, compressed writes, resizes and reopens, on ours and on QEMU's tools.
/// BLOCKHOST_SEQUENCES is how many to run (default: few enough for every day), BLOCKHOST_SEQUENCES_FROM the first seed.
/// </summary>
[Collection(InProcessTool.OneAtATime)]
public sealed class SequenceTests
{
    private const int Groups = 6;
    private const int Default = 90;

    public static TheoryData<int> GroupNumbers => [.. Enumerable.Range(0, Groups)];

    [SkippableTheory]
    [MemberData(nameof(GroupNumbers))]
    public void Ours_and_QEMUs_tools_make_the_same_of_an_image(int group)
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-img") && InstalledPrograms.Has("qemu-io"), "qemu-img and qemu-io are not installed");
        var from = SearchSize.Of("BLOCKHOST_SEQUENCES_FROM", 1);
        var each = Math.Max(1, SearchSize.Of("BLOCKHOST_SEQUENCES", Default) / Groups);

        for (var seed = from + (group * each); seed < from + ((group + 1) * each); seed++)
        {
            if (SequenceRun.Run(Sequence.Random(seed)) is { } failure)
                Assert.Fail(Explain(seed, failure));
        }
    }

    /// <summary>The shortest script that still fails, and how it fails.</summary>
    private static string Explain(int seed, string failure)
    {
        var last = failure;
        var shortest = Shrinker.Shrink(Sequence.Random(seed), sequence =>
        {
            if (SequenceRun.Run(sequence) is not { } another)
                return false;
            last = another;
            return true;
        });
        var script = SequenceRun.Preparation(shortest.Shape).Concat(shortest.Steps.Select(step => step.ToString()));
        return $"seed {seed}: {last}\n\n{string.Join('\n', script)}";
    }
}
