// SPDX-License-Identifier: MIT
namespace BlockHost.Sequences.Tests;

/// <summary>Makes a failing sequence shorter for as long as it fails.</summary>
internal static class Shrinker
{
    /// <param name="fails">Runs a sequence; true: it still fails.</param>
    public static Sequence Shrink(Sequence sequence, Func<Sequence, bool> fails)
    {
        for (var before = -1; before != Weight(sequence);)
        {
            before = Weight(sequence);
            sequence = Candidates(sequence).FirstOrDefault(fails) ?? sequence;
        }

        return sequence;
    }

    private static int Weight(Sequence sequence) => sequence.Steps.Count + sequence.Steps.Sum(step => step.Args.Count);

    private static IEnumerable<Sequence> Candidates(Sequence sequence)
    {
        for (var i = 0; i < sequence.Steps.Count; i++)
            yield return sequence with { Steps = [.. sequence.Steps.Where((_, at) => at != i)] };
        for (var i = 0; i < sequence.Steps.Count; i++)
        {
            foreach (var shorter in WithoutOneCommand(sequence.Steps[i]))
                yield return sequence with { Steps = [.. sequence.Steps.Select((step, at) => at == i ? shorter : step)] };
        }
    }

    /// <summary>Of qemu-io's "-c COMMAND" pairs one at a time is left out.</summary>
    private static IEnumerable<Step> WithoutOneCommand(Step step)
    {
        var commands = step.Args.Count(arg => arg == "-c");
        for (var i = 0; i < step.Args.Count && commands > 1; i++)
        {
            if (step.Args[i] == "-c")
                yield return step with { Args = [.. step.Args.Where((_, at) => at != i && at != i + 1)] };
        }
    }
}
