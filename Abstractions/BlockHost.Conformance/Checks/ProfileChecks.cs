// SPDX-License-Identifier: MIT
using System.Numerics;
using BlockHost.Block;
using BlockHost.Conformance.Execution;
using BlockHost.Conformance.Model;

namespace BlockHost.Conformance.Checks;

/// <summary>What the profile promises holds: limits make sense, concurrency is not widened, native operations work.</summary>
internal sealed class ProfileHonestCheck : ConformanceCheck
{
    public override string Name => CheckNames.ProfileHonest;

    public override async Task RunAsync(CheckContext check)
    {
        var image = await check.Subject.CreateImage(check.Cancellation).ConfigureAwait(false);
        await using var _ = image.ConfigureAwait(false);
        var runner = await ScriptRunner.StartAsync(check, image).ConfigureAwait(false);
        await using var __ = runner.ConfigureAwait(false);
        var profile = runner.Session.Profile;
        CheckLimits(profile.Limits);
        Require(profile.Length >= 0, $"The length is {profile.Length}");
        Require(
            profile.Concurrency <= check.Subject.Driver.Concurrency,
            $"The node allows {profile.Concurrency}, its driver only {check.Subject.Driver.Concurrency}");
        Require(profile.Writable || check.Subject.ReadOnly, "The node was opened for writing and is not writable");
        await TryNativeAsync(runner, profile).ConfigureAwait(false);
    }

    private static void CheckLimits(BlockLimits limits)
    {
        Require(
            BitOperations.IsPow2(limits.RequestAlignment), $"RequestAlignment {limits.RequestAlignment} is not a power of two");
        Require(BitOperations.IsPow2(limits.MemoryAlignment), $"MemoryAlignment {limits.MemoryAlignment} is not a power of two");
        foreach (var (name, value) in new[]
        {
            (nameof(limits.MaxTransfer), limits.MaxTransfer),
            (nameof(limits.MaxDiscard), limits.MaxDiscard),
            (nameof(limits.MaxWriteZeroes), limits.MaxWriteZeroes),
        })
        {
            Require(
                value >= 0 && value % limits.RequestAlignment == 0, $"{name} {value} is no multiple of the request alignment");
        }
    }

    private static async Task TryNativeAsync(ScriptRunner runner, BlockProfile profile)
    {
        var unit = Math.Min(profile.Length, Math.Max(4096, profile.Limits.RequestAlignment));
        List<ScriptOperation> script = [new(ScriptKind.Read, 0, unit)];
        if (profile.Writable)
            script.Add(new(ScriptKind.Write, 0, unit, Seed: 1, Flag: true));
        if (profile.Writable && profile.WriteZeroes == Support.Native)
            script.Add(new(ScriptKind.WriteZeroes, 0, unit, Flag: true));
        if (profile.Writable && profile.Discard == Support.Native)
            script.Add(new(ScriptKind.Discard, 0, unit));
        if (profile.Flush == Support.Native)
            script.Add(new(ScriptKind.Flush));
        if (profile.Status == Support.Native)
            script.Add(new(ScriptKind.Status, 0, unit));
        await runner.RunAsync(script).ConfigureAwait(false);
    }
}

/// <summary>A node opened for reading says so, and no change reaches its children.</summary>
internal sealed class ProfileReadOnlyCheck : ConformanceCheck
{
    public override string Name => CheckNames.ProfileReadOnly;

    public override async Task RunAsync(CheckContext check)
    {
        SkipUnless(check.Subject.OpensReadOnly, "the image's options ask for writing");
        var image = await check.Subject.CreateImage(check.Cancellation).ConfigureAwait(false);
        await using var _ = image.ConfigureAwait(false);
        var runner = await ScriptRunner.StartAsync(check, image, new SessionOptions { ReadOnly = true }).ConfigureAwait(false);
        await using var __ = runner.ConfigureAwait(false);
        var recorders = runner.Session.Recorders;
        Require(!runner.Session.Profile.Writable, "The node was opened read-only and says it is writable");
        await runner.RunAsync(
            new ScriptGenerator(check.Options.Seed, runner.Session.Node, reopen: false).Make(20)).ConfigureAwait(false);
        await runner.DisposeAsync().ConfigureAwait(false);
        var writes = recorders.SelectMany(r => r.Operations).Where(o => o.IsWrite).ToList();
        Require(writes.Count == 0, $"A read-only node wrote to its child: {writes.FirstOrDefault()}");
    }
}
