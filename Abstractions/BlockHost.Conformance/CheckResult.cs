// SPDX-License-Identifier: MIT
namespace BlockHost.Conformance;

public enum CheckOutcome
{
    Passed = 0,
    Failed = 1,

    /// <summary>The check means nothing for this driver; <see cref="CheckResult.Reason"/> says why.</summary>
    Skipped = 2,
}

/// <summary>What one check found.</summary>
public sealed record CheckResult(string Name, CheckOutcome Outcome, string? Reason = null)
{
    /// <summary>The shortest sequence found that makes the check fail, one operation a line.</summary>
    public IReadOnlyList<string> Script { get; init; } = [];

    public TimeSpan Duration { get; init; }

    public override string ToString()
    {
        var head = $"{Outcome.ToString().ToLowerInvariant(),-7} {Name}" + (Reason is null ? "" : $": {Reason}");
        return Script.Count == 0 ? head : head + string.Concat(Script.Select(line => $"\n          {line}"));
    }
}

/// <summary>The checks, by the names that results carry.</summary>
public static class CheckNames
{
    public const string OptionsSchema = "options.schema";
    public const string OptionsRoundTrip = "options.round-trip";
    public const string OptionsUnknown = "options.unknown-refused";
    public const string ProfileHonest = "profile.honest";
    public const string ProfileReadOnly = "profile.read-only";
    public const string IoRandom = "io.random";
    public const string IoConcurrent = "io.concurrent";
    public const string StatusHonest = "status.honest";
    public const string ImageClean = "image.clean";
    public const string ErrorsOfChildren = "errors.children";
    public const string PowerCut = "durability.power-cut";
    public const string Drain = "drain.quiet";
    public const string CancelBuffers = "cancel.buffers";
    public const string YankAnyTime = "yank.any-time";
    public const string YankInFlight = "yank.in-flight";
    public const string CloseQuiet = "close.quiet";
    public const string BuffersReturned = "buffers.returned";
    public const string AllocationBudget = "allocation.budget";
}
