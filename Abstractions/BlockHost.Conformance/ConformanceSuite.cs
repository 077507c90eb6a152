// SPDX-License-Identifier: MIT
using BlockHost.Conformance.Checks;
using BlockHost.Conformance.Execution;

namespace BlockHost.Conformance;

/// <summary>Runs every check on one driver. Results are data: any test runner can show them.</summary>
public static class ConformanceSuite
{
    /// <summary>Names of the checks, in the order in which they run.</summary>
    public static IReadOnlyList<string> Checks => [.. MakeChecks().Select(c => c.Name)];

    public static async Task<ConformanceReport> RunAsync(
        BlockDriverSubject subject,
        ConformanceOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new ConformanceOptions();
        var context = new CheckContext(subject, options, cancellationToken);
        var results = new List<CheckResult>();
        foreach (var check in MakeChecks().Where(c => options.Filter?.Invoke(c.Name) != false))
        {
            cancellationToken.ThrowIfCancellationRequested();
            results.Add(await RunAsync(check, context).ConfigureAwait(false));
        }

        return new ConformanceReport(subject.Name, options.Seed, results);
    }

    private static async Task<CheckResult> RunAsync(ConformanceCheck check, CheckContext context)
    {
        var start = TimeProvider.System.GetTimestamp();
        CheckResult result;
        try
        {
            await check.RunAsync(context).ConfigureAwait(false);
            result = new CheckResult(check.Name, CheckOutcome.Passed);
        }
        catch (CheckSkipped skipped)
        {
            result = new CheckResult(check.Name, CheckOutcome.Skipped, skipped.Message);
        }
        catch (CheckFailure failure)
        {
            result = new CheckResult(check.Name, CheckOutcome.Failed, failure.Message) { Script = failure.Script };
        }
        catch (Exception e) when (!context.Cancellation.IsCancellationRequested)
        {
            result = new CheckResult(check.Name, CheckOutcome.Failed, $"{e.GetType().Name}: {e.Message}");
        }

        return result with { Duration = TimeProvider.System.GetElapsedTime(start) };
    }

    /// <summary>Rules that all sessions watch over come last.</summary>
    private static IEnumerable<ConformanceCheck> MakeChecks() =>
    [
        new OptionsSchemaCheck(),
        new OptionsRoundTripCheck(),
        new OptionsUnknownCheck(),
        new ProfileHonestCheck(),
        new ProfileReadOnlyCheck(),
        new IoRandomCheck(),
        new IoConcurrentCheck(),
        new StatusHonestCheck(),
        new ErrorsOfChildrenCheck(),
        new PowerCutCheck(),
        new DrainCheck(),
        new CancelBuffersCheck(),
        new YankAnyTimeCheck(),
        new YankInFlightCheck(),
        new AllocationCheck(),
        new WatchedRule(CheckNames.ImageClean),
        new WatchedRule(CheckNames.BuffersReturned),
        new WatchedRule(CheckNames.CloseQuiet, CloseVerdict),
    ];

    private static string? CloseVerdict(CheckContext context) =>
        context.OperationsAfterClose() is > 0 and var late
            ? $"{late} operations reached children after DisposeAsync"
            : context.FirstFault(CheckNames.CloseQuiet);
}
