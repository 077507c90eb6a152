// SPDX-License-Identifier: MIT
namespace BlockHost.Jobs.Tests.Model;

/// <summary>Random scripts over a few jobs, with enough sense in them that jobs get far.</summary>
internal sealed class ScriptGenerator(int seed)
{
    private const int Jobs = 4;

    private readonly Random _random = new(seed);

    public List<Operation> Next()
    {
        var script = new List<Operation>();
        for (var i = _random.Next(5, 60); i > 0; i--)
            script.Add(NextOperation());
        return script;
    }

    private Operation NextOperation()
    {
        var job = _random.Next(Jobs);
        return _random.Next(100) switch
        {
            < 18 => new Create(job, Flags(), _random.Next(3), OneIn(2), OneIn(2), OneIn(8)),
            < 34 => new Start(job),
            < 36 => new FailSetup(job),
            < 38 => new CallOff(job),
            < 58 => new Step(job, StepOf(_random.Next(20))),
            < 68 => new Drain(job, OneIn(2)),
            < 72 => new Advance(),
            _ => Verb(job),
        };
    }

    private Ask Verb(int job) => _random.Next(14) switch
    {
        0 or 1 or 2 => new Ask(job, JobVerb.Pause),
        3 or 4 or 5 => new Ask(job, JobVerb.Resume),
        6 or 7 => new Ask(job, JobVerb.Cancel, Force: OneIn(2)),
        8 => new Ask(job, JobVerb.SetSpeed, Speed: _random.Next(-1, 4)),
        9 or 10 => new Ask(job, JobVerb.Complete),
        11 or 12 => new Ask(job, JobVerb.Finalize),
        _ => new Ask(job, JobVerb.Dismiss),
    };

    private static StepKind StepOf(int number) => number switch
    {
        < 6 => StepKind.PausePoint,
        < 9 => StepKind.Ready,
        < 11 => StepKind.Sleep,
        11 => StepKind.ErrorIgnored,
        12 => StepKind.ErrorStops,
        13 => StepKind.ErrorReported,
        < 19 => StepKind.End,
        _ => StepKind.Fail,
    };

    private JobFlags Flags() => (OneIn(3) ? JobFlags.ManualFinalize : 0) | (OneIn(3) ? JobFlags.ManualDismiss : 0);

    private bool OneIn(int many) => _random.Next(many) == 0;
}
