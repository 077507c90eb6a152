// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Conformance.Execution;
using BlockHost.Conformance.Model;

namespace BlockHost.Conformance.Checks;

/// <summary>
/// Requests on disjoint ranges overlap in time: first with the children's answers in a chosen order, which a seed
/// repeats exactly; then from several threads, where the node is parallel. Every byte must come out as if alone.
/// </summary>
internal sealed class IoConcurrentCheck : ConformanceCheck
{
    private const int Threads = 4;

    public override string Name => CheckNames.IoConcurrent;

    public override async Task RunAsync(CheckContext check)
    {
        foreach (var seed in Seeds(check))
            await OrderedAsync(check, seed).ConfigureAwait(false);
        await HammerAsync(check).ConfigureAwait(false);
    }

    private static async Task OrderedAsync(CheckContext check, int seed)
    {
        var image = await check.Subject.CreateImage(check.Cancellation).ConfigureAwait(false);
        await using var _ = image.ConfigureAwait(false);
        var runner = await ScriptRunner.StartAsync(check, image).ConfigureAwait(false);
        await using var __ = runner.ConfigureAwait(false);
        if (runner.Session.Gates.Count == 0)
            return;
        var random = new Random(seed);
        for (var round = 0; round < 6; round++)
            await RoundAsync(check, runner, random, seed).ConfigureAwait(false);
        await runner.VerifyAsync("after overlapping requests").ConfigureAwait(false);
        await runner.ReopenAsync().ConfigureAwait(false);
        await runner.VerifyAsync("after overlapping requests and a reopen").ConfigureAwait(false);
    }

    private static async Task RoundAsync(CheckContext check, ScriptRunner runner, Random random, int seed)
    {
        var batch = DisjointBatch.Make(runner.Session.Profile, random);
        runner.Session.ShutGates();
        var running = batch.Select(runner.StepAsync).ToList();
        var all = Task.WhenAll(running);
        try
        {
            await GatePump.DriveAsync(check, runner.Session, all, random).ConfigureAwait(false);
            var error = (await all.ConfigureAwait(false)).FirstOrDefault(e => e is not null);
            Require(error is null, $"A request failed among overlapping ones: {error?.Message}");
        }
        catch (CheckFailure e)
        {
            throw new CheckFailure($"{e.Message} (order of seed {seed})", e) { Script = [.. batch.Select(o => o.ToString())] };
        }
        finally
        {
            runner.Session.OpenGates();
        }
    }

    /// <summary>Several threads, each with stripes of its own all over the image.</summary>
    private static async Task HammerAsync(CheckContext check)
    {
        var image = await check.Subject.CreateImage(check.Cancellation).ConfigureAwait(false);
        await using var _ = image.ConfigureAwait(false);
        var runner = await ScriptRunner.StartAsync(check, image).ConfigureAwait(false);
        await using var __ = runner.ConfigureAwait(false);
        if (runner.Session.Profile.Concurrency != Concurrency.Parallel)
            return;
        var stripe = Math.Max(4096 + 512, runner.Session.Profile.Limits.RequestAlignment * 2L);
        await Task.WhenAll(
            Enumerable.Range(0, Threads).Select(t => Task.Run(() => WorkAsync(check, runner, t, stripe)))).ConfigureAwait(false);
        await runner.VerifyAsync("after requests from several threads").ConfigureAwait(false);
    }

    private static async Task WorkAsync(CheckContext check, ScriptRunner runner, int worker, long stripe)
    {
        var profile = runner.Session.Profile;
        var unit = Math.Max(1, profile.Limits.RequestAlignment);
        stripe = stripe / unit * unit;
        var stripes = profile.Length / stripe / Threads;
        if (stripes == 0)
            return;
        var random = new Random(check.Options.Seed * 31 + worker);
        for (var i = 0; i < check.Options.SequenceLength * 3; i++)
        {
            var own = (random.NextInt64(stripes) * Threads + worker) * stripe;
            var start = random.NextInt64(stripe / unit) * unit;
            var bytes = Math.Max(unit, random.NextInt64(stripe - start) / unit * unit);
            var step = new ScriptOperation(
                DisjointBatch.PickKind(profile, random), own + start, bytes, random.Next(), random.Next(1, 4));
            if (await runner.StepAsync(step).ConfigureAwait(false) is { } error)
                throw new CheckFailure($"'{step}' failed while others were in flight: {error.Message}", error);
        }
    }
}
