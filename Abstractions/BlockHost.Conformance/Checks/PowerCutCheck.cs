// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Conformance.Execution;
using BlockHost.Conformance.Model;

namespace BlockHost.Conformance.Checks;

/// <summary>
/// After any step the power fails: of what the children have not flushed, any part is lost. The image must open, be
/// free of corruption, and hold everything that was there at the last flush and not touched since.
/// </summary>
internal sealed class PowerCutCheck : ConformanceCheck
{
    public override string Name => CheckNames.PowerCut;

    public override async Task RunAsync(CheckContext check)
    {
        SkipUnless(
            check.Subject.PowerCut && check.Subject.Data == SubjectData.Stored && !check.Subject.ReadOnly,
            "nothing that a power cut could take away");
        foreach (var seed in Seeds(check))
        {
            var script = await MakeScriptAsync(check, seed, 24, resize: false, reopen: false).ConfigureAwait(false);
            await PlayAsync(check, script, (image, steps) => PlayWithCutsAsync(check, image, steps, seed)).ConfigureAwait(false);
        }
    }

    private static async Task PlayWithCutsAsync(
        CheckContext check, SubjectImage image, IReadOnlyList<ScriptOperation> steps, int seed)
    {
        SkipUnless(image.Children.Count > 0, "the driver has no children");
        foreach (var child in image.Children.Values)
            child.Image.TrackDurability = true;
        var runner = await ScriptRunner.StartAsync(check, image).ConfigureAwait(false);
        await using var _ = runner.ConfigureAwait(false);
        SkipUnless(runner.Session.Profile.Flush == Support.Native, "the node does not flush");
        var random = new Random(seed);
        var safe = runner.Model.Clone();
        foreach (var step in steps)
        {
            if (await runner.StepAsync(step).ConfigureAwait(false) is { } error)
                throw new CheckFailure($"'{step}' failed: {error.Message}", error);
            safe = Remember(runner, safe, step);
            await CutAsync(check, image, safe, random, step).ConfigureAwait(false);
        }
    }

    /// <summary>What a power cut after <paramref name="step"/> may leave.</summary>
    private static ReferenceImage Remember(ScriptRunner runner, ReferenceImage safe, ScriptOperation step)
    {
        if (step.Kind == ScriptKind.Flush)
            return runner.Model.Clone();
        var bytes = Math.Min(step.Bytes, safe.Length - step.Offset);
        if (step.Kind is not (ScriptKind.Write or ScriptKind.WriteZeroes or ScriptKind.Discard) || bytes <= 0)
            return safe;
        if (step is { Kind: ScriptKind.Write, Flag: true } && runner.Session.Profile.Fua == Support.Native)
            safe.Write(step.Offset, Pattern.Make(step.Seed, bytes));
        else
            safe.Forget(step.Offset, bytes);
        return safe;
    }

    private static async Task CutAsync(
        CheckContext check, SubjectImage image, ReferenceImage safe, Random random, ScriptOperation step)
    {
        var left = image.WithChildren(
            image.Children.ToDictionary(c => c.Key, c => c.Value with { Image = c.Value.Image.AfterPowerCut(random) }));
        try
        {
            await Repair.RunAsync(check, left).ConfigureAwait(false);
            var runner = await ScriptRunner.StartAsync(check, left, model: safe.Clone()).ConfigureAwait(false);
            await using var _ = runner.ConfigureAwait(false);
            await runner.VerifyAsync("what was flushed").ConfigureAwait(false);
            var found = await runner.CheckImageAsync().ConfigureAwait(false);
            Require(
                found is null or { Corruptions: 0, CheckErrors: 0 }, $"the image is corrupt: {found?.Messages.FirstOrDefault()}");
        }
        catch (Exception e) when (e is CheckFailure or BlockException)
        {
            throw new CheckFailure($"Power cut after '{step}': {e.Message}", e);
        }
    }
}
