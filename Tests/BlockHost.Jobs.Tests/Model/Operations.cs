// SPDX-License-Identifier: MIT
namespace BlockHost.Jobs.Tests.Model;

/// <summary>One line of a script: something that happens to the job of that number.</summary>
internal abstract record Operation(int Job)
{
    public string Id => $"j{Job}";
}

/// <param name="Group">0: alone; else the transaction of that number, until one of its jobs has started.</param>
internal sealed record Create(
    int Job, JobFlags Flags, int Group, bool Softly, bool Completable, bool PrepareFails) : Operation(Job);

internal sealed record Start(int Job) : Operation(Job);

/// <summary>The setup of the job fails.</summary>
internal sealed record FailSetup(int Job) : Operation(Job);

/// <summary>The transaction is called off before the job starts.</summary>
internal sealed record CallOff(int Job) : Operation(Job);

/// <param name="Force">For <see cref="JobVerb.Cancel"/>.</param>
/// <param name="Speed">For <see cref="JobVerb.SetSpeed"/>.</param>
internal sealed record Ask(int Job, JobVerb Verb, bool Force = false, long Speed = 0) : Operation(Job);

internal sealed record Drain(int Job, bool Begins) : Operation(Job);

/// <summary>The job's work goes on by a step; where it is paused, asleep or over, nothing happens.</summary>
internal sealed record Step(int Job, StepKind Kind) : Operation(Job);

/// <summary>A second passes: sleeping jobs wake.</summary>
internal sealed record Advance() : Operation(-1);

internal enum StepKind
{
    PausePoint,
    Ready,
    Sleep,
    ErrorIgnored,
    ErrorStops,
    ErrorReported,
    End,
    Fail,
}
