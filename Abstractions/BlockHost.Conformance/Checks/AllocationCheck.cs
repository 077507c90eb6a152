// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Reflection;
using BlockHost.Block;
using BlockHost.Conformance.Execution;
using BlockHost.Conformance.Model;

namespace BlockHost.Conformance.Checks;

/// <summary>
/// A read and a write that complete synchronously stay within the declared bytes of allocation, in the steady state.
/// </summary>
internal sealed class AllocationCheck : ConformanceCheck
{
    private const int Warmup = 300;
    private const int Measured = 400;

    public override string Name => CheckNames.AllocationBudget;

    public override async Task RunAsync(CheckContext check)
    {
        SkipUnless(
            IsOptimized(check.Subject.Driver.GetType().Assembly),
            "the driver is compiled without optimisation, where every async method allocates");
        var image = await check.Subject.CreateImage(check.Cancellation).ConfigureAwait(false);
        await using var _ = image.ConfigureAwait(false);
        var runner = await ScriptRunner.StartAsync(check, image, new SessionOptions { Bare = true }).ConfigureAwait(false);
        await using var __ = runner.ConfigureAwait(false);
        var node = runner.Session.Node;
        var profile = node.Profile;
        var unit = Math.Max(4096, profile.Limits.RequestAlignment);
        SkipUnless(profile.Length >= unit, "the image is too small to measure");
        if (profile.Writable)
            await runner.RunAsync([new ScriptOperation(ScriptKind.Write, 0, unit, Seed: 1)]).ConfigureAwait(false);
        var plain = new GuardedBuffer(unit, 1, runner.Session.MemoryAlignment).Slice;
        var pieces = new GuardedBuffer(unit, 3, runner.Session.MemoryAlignment).Slice;
        var measured = await MeasureAsync(
            check, "read", () => node.ReadAsync(0, plain, ReadFlags.None, CancellationToken.None)).ConfigureAwait(false);
        measured |= await MeasureAsync(
            check,
            "vectored read",
            () => node.ReadAsync(0, pieces, ReadFlags.None, CancellationToken.None)).ConfigureAwait(false);
        if (profile.Writable)
            measured |= await MeasureAsync(
                check, "write", () => node.WriteAsync(0, plain, WriteFlags.None, CancellationToken.None)).ConfigureAwait(false);
        SkipUnless(measured, "no request completes synchronously");
    }

    private static bool IsOptimized(Assembly assembly) =>
        assembly.GetCustomAttribute<DebuggableAttribute>()?.IsJITOptimizerDisabled != true;

    /// <returns>False where requests do not complete synchronously, so that there is nothing to measure on one thread.</returns>
    private static async Task<bool> MeasureAsync(CheckContext check, string what, Func<ValueTask> request)
    {
        var best = long.MaxValue;
        for (var round = 0; round < 3; round++)
        {
            if (Run(request, out var allocated) is { } suspended)
            {
                await check.BoundedAsync(suspended, "a " + what).ConfigureAwait(false);
                return false;
            }

            best = Math.Min(best, allocated);
        }

        var perRequest = best / (double)Measured;
        Require(
            perRequest <= check.Subject.AllocationBudget,
            $"A {what} allocates {perRequest:0.#} bytes, the budget is {check.Subject.AllocationBudget}");
        return true;
    }

    /// <summary>Synchronous, so that all of it stays on one thread, whose bytes are counted.</summary>
    /// <returns>The first request that did not complete at once, or null.</returns>
    private static Task? Run(Func<ValueTask> request, out long allocated)
    {
        var before = 0L;
        for (var i = 0; i < Warmup + Measured; i++)
        {
            if (i == Warmup)
                before = GC.GetAllocatedBytesForCurrentThread();
            var task = request();
            if (!task.IsCompletedSuccessfully)
            {
                allocated = 0;
                return task.AsTask();
            }

            task.GetAwaiter().GetResult();
        }

        allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        return null;
    }
}
