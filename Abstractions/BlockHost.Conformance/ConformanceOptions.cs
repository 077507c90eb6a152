// SPDX-License-Identifier: MIT
namespace BlockHost.Conformance;

/// <summary>How much the kit tries. The same seed on the same driver gives the same sequences.</summary>
public sealed record ConformanceOptions
{
    public int Seed { get; init; } = 1;

    /// <summary>Random sequences in each check that uses them.</summary>
    public int Sequences { get; init; } = 12;

    /// <summary>Operations in one sequence.</summary>
    public int SequenceLength { get; init; } = 60;

    /// <summary>Longest time for one operation of the node; a longer one counts as hung.</summary>
    public TimeSpan OperationTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>At most so many runs to shorten a failing sequence.</summary>
    public int ShrinkRuns { get; init; } = 200;

    /// <summary>At most so many places at which a child is made to fail.</summary>
    public int MaxFailurePoints { get; init; } = 150;

    /// <summary>Runs only checks for which this is true; null: all.</summary>
    public Predicate<string>? Filter { get; init; }
}
