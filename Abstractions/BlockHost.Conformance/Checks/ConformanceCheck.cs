// SPDX-License-Identifier: MIT
using BlockHost.Conformance.Execution;
using BlockHost.Conformance.Model;

namespace BlockHost.Conformance.Checks;

/// <summary>One rule of the contract, tried on the subject. Ends by returning, or by failure or skip.</summary>
internal abstract class ConformanceCheck
{
    public abstract string Name { get; }

    public abstract Task RunAsync(CheckContext check);

    protected static void Require(bool condition, string otherwise)
    {
        if (!condition)
            throw new CheckFailure(otherwise);
    }

    protected static void SkipUnless(bool condition, string reason)
    {
        if (!condition)
            throw new CheckSkipped(reason);
    }

    /// <summary>Seeds of the check's sequences: its own, and the same for the same suite seed.</summary>
    protected IEnumerable<int> Seeds(CheckContext check, int? count = null) =>
        Enumerable.Range(0, count ?? check.Options.Sequences).Select(i => check.Options.Seed * 7919 + Name.Sum(c => c) * 31 + i);

    /// <summary>A sequence for a fresh image of the subject.</summary>
    protected static async Task<IReadOnlyList<ScriptOperation>> MakeScriptAsync(
        CheckContext check,
        int seed,
        int length,
        bool resize = true,
        bool reopen = true)
    {
        var image = await check.Subject.CreateImage(check.Cancellation).ConfigureAwait(false);
        await using var _ = image.ConfigureAwait(false);
        var session = await NodeSession.OpenAsync(check, image).ConfigureAwait(false);
        await using var __ = session.ConfigureAwait(false);
        return new ScriptGenerator(seed, session.Node, resize && check.Subject.Resizable, reopen).Make(length);
    }

    /// <summary>
    /// Runs a sequence on a fresh image with <paramref name="play"/>; one that fails is shortened for the report.
    /// </summary>
    protected static async Task PlayAsync(
        CheckContext check,
        IReadOnlyList<ScriptOperation> script,
        Func<SubjectImage, IReadOnlyList<ScriptOperation>, Task> play)
    {
        var failure = await TryAsync(check, script, play).ConfigureAwait(false);
        if (failure is null)
            return;
        check.Recording = false;
        try
        {
            var shrinker = new ScriptShrinker(
                async s => await TryAsync(check, s, play).ConfigureAwait(false) is not null, check.Options.ShrinkRuns);
            var shortest = await shrinker.ShrinkAsync(script).ConfigureAwait(false);
            failure = await TryAsync(check, shortest, play).ConfigureAwait(false) ?? failure;
            throw new CheckFailure(failure.Message, failure) { Script = [.. shortest.Select(o => o.ToString())] };
        }
        finally
        {
            check.Recording = true;
        }
    }

    private static async Task<CheckFailure?> TryAsync(
        CheckContext check,
        IReadOnlyList<ScriptOperation> script,
        Func<SubjectImage, IReadOnlyList<ScriptOperation>, Task> play)
    {
        var image = await check.Subject.CreateImage(check.Cancellation).ConfigureAwait(false);
        await using var _ = image.ConfigureAwait(false);
        try
        {
            await play(image, script).ConfigureAwait(false);
            return null;
        }
        catch (CheckFailure failure)
        {
            return failure;
        }
    }
}

/// <summary>A rule that every session of the other checks watches over; here is its verdict.</summary>
internal sealed class WatchedRule(string name, Func<CheckContext, string?>? verdict = null) : ConformanceCheck
{
    public override string Name => name;

    public override Task RunAsync(CheckContext check)
    {
        if ((verdict?.Invoke(check) ?? check.FirstFault(name)) is { } fault)
            throw new CheckFailure(fault);
        return Task.CompletedTask;
    }
}
