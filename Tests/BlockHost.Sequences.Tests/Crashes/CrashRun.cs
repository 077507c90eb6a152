// SPDX-License-Identifier: MIT
using BlockHost.Sequences.Tests.Relays;

namespace BlockHost.Sequences.Tests.Crashes;

/// <summary>After each command the image again, as power cuts during the command could have left it.</summary>
/// <param name="most">It ends after so many points.</param>
internal sealed class CrashRun(Layout layout, int seed, int most, Func<bool> wants) : OwnWork(layout, seed)
{
    public int Points { get; private set; }

    protected override bool IsDone => Points >= most;

    protected override void Examine(Recording recording, StepTaken step)
    {
        if (recording.MakesImage)
            return;
        using var judge = new CrashJudge(Layout, step);
        foreach (var (what, state) in recording.Points(new Random(step.Seed), wants))
        {
            Points++;
            if (judge.Judge(state, thorough: Points % 4 == 1) is { } failure)
                throw new RelayException($"Cut {what} of '{recording.Command}': {failure}");
            if (IsDone)
                return;
        }
    }
}
