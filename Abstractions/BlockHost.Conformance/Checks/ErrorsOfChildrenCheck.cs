// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Conformance.Execution;
using BlockHost.Conformance.Model;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Conformance.Checks;

/// <summary>
/// A sequence is run again and again, and each time the next operation on a child fails, once. The node must say so
/// (or cope), stay usable, keep every byte it is sure of, and leave an image that opens and is not corrupt.
/// </summary>
internal sealed class ErrorsOfChildrenCheck : ConformanceCheck
{
    private const int Length = 14;

    public override string Name => CheckNames.ErrorsOfChildren;

    public override async Task RunAsync(CheckContext check)
    {
        SkipUnless(!check.Subject.GivesUp, "a child that fails ends the node's work");
        foreach (var seed in Seeds(check, 3))
        {
            var script = await MakeScriptAsync(check, seed, Length, reopen: false).ConfigureAwait(false);
            for (var failAt = 0; failAt < check.Options.MaxFailurePoints; failAt++)
            {
                var plan = new FailurePlan
                {
                    FailAt = failAt,
                    Kind = failAt % 3 == 2 ? BlockErrorKind.NoSpace : BlockErrorKind.Io,
                };
                var image = await check.Subject.CreateImage(check.Cancellation).ConfigureAwait(false);
                await using var _ = image.ConfigureAwait(false);
                SkipUnless(image.Children.Count > 0, "the driver has no children");
                await RunOnceAsync(check, image, plan, script).ConfigureAwait(false);
                if (plan.Failed is null)
                    break;
            }
        }
    }

    private static async Task RunOnceAsync(
        CheckContext check, SubjectImage image, FailurePlan plan, IReadOnlyList<ScriptOperation> script)
    {
        var trace = new List<string>();
        try
        {
            var model = await RunFailingAsync(check, image, plan, script, trace).ConfigureAwait(false);
            plan.FailAt = -1;
            await VerifyAgainAsync(check, image, model).ConfigureAwait(false);
        }
        catch (CheckFailure e)
        {
            throw new CheckFailure($"{e.Message}; injected: {plan.Failed?.ToString() ?? "nothing"}", e) { Script = trace };
        }
    }

    /// <returns>What the image must read as now; null where it did not open.</returns>
    private static async Task<ReferenceImage?> RunFailingAsync(
        CheckContext check,
        SubjectImage image,
        FailurePlan plan,
        IReadOnlyList<ScriptOperation> script,
        List<string> trace)
    {
        ScriptRunner runner;
        try
        {
            runner = await ScriptRunner.StartAsync(
                check, image, new SessionOptions { Failures = plan, CloseMayFail = true }).ConfigureAwait(false);
        }
        catch (BlockException) when (plan.Failed is not null)
        {
            return null;
        }

        await using var _ = runner.ConfigureAwait(false);
        foreach (var step in script)
            await StepAsync(check.Subject, runner, plan, step, trace).ConfigureAwait(false);
        var left = plan.FailAt - plan.Seen;
        plan.FailAt = -1;
        await runner.VerifyAsync("after the failure").ConfigureAwait(false);
        // Where the sequence ended before the failure, the close may still meet it.
        plan.FailAt = plan.Failed is null ? plan.Seen + left : -1;
        return runner.Model;
    }

    private static async Task StepAsync(
        BlockDriverSubject subject, ScriptRunner runner, FailurePlan plan, ScriptOperation step, List<string> trace)
    {
        var before = plan.Failed;
        var length = runner.Session.Profile.Length;
        var error = await runner.StepAsync(step).ConfigureAwait(false);
        var injected = before is null && plan.Failed is not null;
        trace.Add(step + (injected ? $"   <- {plan.Failed}" : "") + (error is null ? "" : $"   : {error.Message}"));
        Require(error is null || injected, $"'{step}' failed ({error?.Message}) although no child failed in it");
        Require(
            subject.Redundant
                || !(
                    injected && error is null && step.Kind == ScriptKind.Flush
                        && plan.Failed!.Value.Kind is ChildOperationKind.Flush or ChildOperationKind.Write),
            $"A flush succeeded although {plan.Failed} failed in it");
        Require(
            !(injected && error is not null && step.Kind == ScriptKind.Resize && runner.Session.Profile.Length != length),
            $"A resize failed and left another length ({length} before, {runner.Session.Profile.Length} now)");
    }

    private static async Task VerifyAgainAsync(CheckContext check, SubjectImage image, ReferenceImage? model)
    {
        model ??= new ReferenceImage(image.Length, image.Content.Span);
        await Repair.RunAsync(check, image).ConfigureAwait(false);
        var again = await ScriptRunner.StartAsync(check, image, model: model).ConfigureAwait(false);
        await using var _ = again.ConfigureAwait(false);
        Require(
            again.Session.Profile.Length == model.Length,
            $"The image is {again.Session.Profile.Length} bytes long after a reopen, and was {model.Length}");
        await again.VerifyAsync("after a reopen").ConfigureAwait(false);
        var found = await again.CheckImageAsync().ConfigureAwait(false);
        Require(found is null or { Corruptions: 0, CheckErrors: 0 }, $"The image is corrupt: {found?.Messages.FirstOrDefault()}");
    }
}
