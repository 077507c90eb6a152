// SPDX-License-Identifier: MIT
using BlockHost.Conformance.Execution;

namespace BlockHost.Conformance.Checks;

/// <summary>Random sequences, compared with the model byte by byte, and again after a close and reopen.</summary>
internal sealed class IoRandomCheck : ConformanceCheck
{
    public override string Name => CheckNames.IoRandom;

    public override async Task RunAsync(CheckContext check)
    {
        foreach (var seed in Seeds(check))
        {
            var script = await MakeScriptAsync(check, seed, check.Options.SequenceLength).ConfigureAwait(false);
            await PlayAsync(check, script, async (image, steps) =>
            {
                var runner = await ScriptRunner.StartAsync(check, image).ConfigureAwait(false);
                await using var _ = runner.ConfigureAwait(false);
                await runner.RunAsync(steps).ConfigureAwait(false);
                await runner.VerifyAsync("at the end").ConfigureAwait(false);
                await SoundAsync(check, runner).ConfigureAwait(false);
                await runner.ReopenAsync().ConfigureAwait(false);
                await runner.VerifyAsync("after a reopen").ConfigureAwait(false);
                await SoundAsync(check, runner).ConfigureAwait(false);
            }).ConfigureAwait(false);
        }
    }

    /// <summary>A format's own check finds neither corruption nor, where it can be helped, leaks.</summary>
    private static async Task SoundAsync(CheckContext check, ScriptRunner runner)
    {
        var found = await runner.CheckImageAsync().ConfigureAwait(false);
        if (found is { Corruptions: > 0 } or { CheckErrors: > 0 } || (found is { Leaks: > 0 } && !check.Subject.LosesSpace))
        {
            var text =
                $"{found.Corruptions} corruptions, {found.Leaks} leaks, {found.CheckErrors} errors: {found.Messages.FirstOrDefault()}";
            check.AddFault(CheckNames.ImageClean, text);
        }
    }
}

/// <summary>A whole image's status, after a random sequence, is true.</summary>
internal sealed class StatusHonestCheck : ConformanceCheck
{
    public override string Name => CheckNames.StatusHonest;

    public override async Task RunAsync(CheckContext check)
    {
        foreach (var seed in Seeds(check, Math.Max(1, check.Options.Sequences / 3)))
        {
            var script = await MakeScriptAsync(check, seed, 20, reopen: false).ConfigureAwait(false);
            var image = await check.Subject.CreateImage(check.Cancellation).ConfigureAwait(false);
            await using var _ = image.ConfigureAwait(false);
            var runner = await ScriptRunner.StartAsync(check, image).ConfigureAwait(false);
            await using var __ = runner.ConfigureAwait(false);
            SkipUnless(runner.Session.Profile.Status == BlockHost.Block.Support.Native, "the node has no status of its own");
            foreach (var step in script)
                await runner.StepAsync(step).ConfigureAwait(false);
            await new StatusProbe(check, runner.Session, image, runner.Model)
                .ProbeAsync(0, runner.Model.Length).ConfigureAwait(false);
        }

        if (check.FirstFault(Name) is { } fault)
            throw new CheckFailure(fault);
    }
}
