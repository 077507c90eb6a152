// SPDX-License-Identifier: MIT
using BlockHost.Conformance.Execution;

namespace BlockHost.Conformance.Checks;

/// <summary>Between DrainBegin's completion and DrainEnd no operation reaches a child, even when timers fire.</summary>
internal sealed class DrainCheck : ConformanceCheck
{
    public override string Name => CheckNames.Drain;

    public override async Task RunAsync(CheckContext check)
    {
        foreach (var seed in Seeds(check, Math.Max(1, check.Options.Sequences / 4)))
        {
            var script = await MakeScriptAsync(check, seed, 20, reopen: false).ConfigureAwait(false);
            var image = await check.Subject.CreateImage(check.Cancellation).ConfigureAwait(false);
            await using var _ = image.ConfigureAwait(false);
            var runner = await ScriptRunner.StartAsync(check, image).ConfigureAwait(false);
            await using var __ = runner.ConfigureAwait(false);
            await runner.RunAsync(script).ConfigureAwait(false);
            await QuietAsync(check, runner.Session).ConfigureAwait(false);
            await runner.VerifyAsync("after a drain").ConfigureAwait(false);
        }
    }

    private static async Task QuietAsync(CheckContext check, NodeSession session)
    {
        await check.BoundedAsync(session.Node.DrainBeginAsync(check.Cancellation).AsTask(), "drain").ConfigureAwait(false);
        var inFlight = session.Recorders.Sum(r => r.InFlight);
        var before = session.Recorders.Sum(r => r.Count);
        Require(inFlight == 0, $"{inFlight} operations on children are in flight after DrainBegin has completed");
        session.Clock.Advance(TimeSpan.FromMinutes(30));
        await Task.Delay(20, check.Cancellation).ConfigureAwait(false);
        var late = session.Recorders.Sum(r => r.Count) - before;
        session.Node.DrainEnd();
        Require(late == 0, $"{late} operations reached children while the node was drained");
    }
}
