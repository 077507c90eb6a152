// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Conformance.Execution;
using BlockHost.Conformance.Model;

namespace BlockHost.Conformance.Checks;

/// <summary>Yanked at any point, from another thread, twice, a node returns at once, throws nothing, and can be closed.</summary>
internal sealed class YankAnyTimeCheck : ConformanceCheck
{
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(2);

    public override string Name => CheckNames.YankAnyTime;

    public override async Task RunAsync(CheckContext check)
    {
        foreach (var seed in Seeds(check))
        {
            var image = await check.Subject.CreateImage(check.Cancellation).ConfigureAwait(false);
            await using var _ = image.ConfigureAwait(false);
            var runner = await ScriptRunner.StartAsync(
                check, image, new SessionOptions { CloseMayFail = true }).ConfigureAwait(false);
            await using var __ = runner.ConfigureAwait(false);
            await YankAmidAsync(check, runner, new Random(seed)).ConfigureAwait(false);
        }
    }

    private static async Task YankAmidAsync(CheckContext check, ScriptRunner runner, Random random)
    {
        var session = runner.Session;
        session.ShutGates();
        var requests = Task.WhenAll(DisjointBatch.Make(session.Profile, random).Select(runner.StepAsync));
        for (var let = random.Next(5); let > 0 && await GatePump.WaitAsync(session, requests, 30).ConfigureAwait(false); let--)
            session.Gates.FirstOrDefault(g => g.WaitingCount > 0)?.Release();
        await YankAsync(session).ConfigureAwait(false);
        await YankAsync(session).ConfigureAwait(false);
        session.OpenGates();
        await check.BoundedAsync(requests, "requests amid a yank").ConfigureAwait(false);
    }

    public static async Task YankAsync(NodeSession session)
    {
        var yank = Task.Factory.StartNew(
            session.Host.Yank.YankAll,
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        var first = await Task.WhenAny(yank, Task.Delay(AtOnce)).ConfigureAwait(false);
        Require(first == yank, "Yank blocks while I/O is in flight");
        Require(
            yank.Exception is null,
            $"Yank threw {yank.Exception?.InnerException?.GetType().Name}: {yank.Exception?.InnerException?.Message}");
    }
}

/// <summary>With a peer that does not answer, a yank makes what is in flight fail promptly, and says so.</summary>
internal sealed class YankInFlightCheck : ConformanceCheck
{
    public override string Name => CheckNames.YankInFlight;

    public override async Task RunAsync(CheckContext check)
    {
        var image = await check.Subject.CreateImage(check.Cancellation).ConfigureAwait(false);
        await using var _ = image.ConfigureAwait(false);
        SkipUnless(image.StallTransport is not null, "the node has no transport");
        var runner = await ScriptRunner.StartAsync(
            check, image, new SessionOptions { CloseMayFail = true }).ConfigureAwait(false);
        await using var __ = runner.ConfigureAwait(false);
        Require(runner.Session.Host.Yank.Count > 0, "The node has a transport and cannot be yanked: it does not call OnYank");
        image.StallTransport!();
        var unit = Math.Max(512, runner.Session.Profile.Limits.RequestAlignment);
        var requests = Enumerable.Range(0, 3).Select(i => runner.StepAsync(new ScriptOperation(ScriptKind.Read, i * unit, unit)))
            .ToList();
        await Task.Delay(50, check.Cancellation).ConfigureAwait(false);
        Require(
            !requests.Exists(r => r.IsCompletedSuccessfully && r.Result is null),
            "The transport was stalled and a request succeeded");
        await YankAnyTimeCheck.YankAsync(runner.Session).ConfigureAwait(false);
        foreach (var error in await check.BoundedAsync(Task.WhenAll(requests), "a yanked request").ConfigureAwait(false))
            Require(error?.Kind == BlockErrorKind.Yanked, $"A yanked request ended with {error?.Kind.ToString() ?? "success"}");
    }
}
