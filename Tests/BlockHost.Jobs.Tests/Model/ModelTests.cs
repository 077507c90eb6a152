// SPDX-License-Identifier: MIT

namespace BlockHost.Jobs.Tests.Model;

/// <summary>Random verbs, faults, drains and transactions: the host does what the reference says, event by event.</summary>
public sealed class ModelTests
{
    /// <summary>Number of scripts; BLOCKHOST_JOB_SCRIPTS asks for more, BLOCKHOST_JOB_SEED for others.</summary>
    private static readonly int Scripts = SearchSize.Of("BLOCKHOST_JOB_SCRIPTS", 3000);

    private static readonly int Seed = SearchSize.Of("BLOCKHOST_JOB_SEED", 1);

    [Fact]
    public async Task Random_scripts_go_as_the_reference_says()
    {
        for (var seed = Seed; seed < Seed + Scripts; seed++)
        {
            IReadOnlyList<Operation> script = new ScriptGenerator(seed).Next();
            if (await ScriptRunner.RunAsync(script) is not { } difference)
                continue;
            script = await ScriptShrinker.ShrinkAsync(script, async shorter => await ScriptRunner.RunAsync(shorter) is not null);
            var again = await ScriptRunner.RunAsync(script) ?? $"nothing when it runs again, but at first {difference}";
            Assert.Fail($"seed {seed}:\n{string.Join('\n', script)}\n{again}");
        }
    }

    [Fact]
    public async Task A_failing_script_is_shrunk_to_what_fails()
    {
        Operation[] script = [.. Enumerable.Range(0, 40).Select(i => new Start(i))];

        var shrunk = await ScriptShrinker.ShrinkAsync(
            script, shorter => Task.FromResult(shorter.Any(o => o.Job == 7) && shorter.Any(o => o.Job == 31)));

        Assert.Equal([new Start(7), new Start(31)], shrunk);
    }
}
