// SPDX-License-Identifier: MIT
namespace BlockHost.Conformance;

/// <summary>All results for one subject; <see cref="ToString"/> is a text for people.</summary>
public sealed record ConformanceReport(string Subject, int Seed, IReadOnlyList<CheckResult> Results)
{
    public bool Passed => Results.All(r => r.Outcome != CheckOutcome.Failed);

    public IEnumerable<CheckResult> Failures => Results.Where(r => r.Outcome == CheckOutcome.Failed);

    /// <exception cref="KeyNotFoundException">There was no such check.</exception>
    public CheckResult this[string checkName] =>
        Results.FirstOrDefault(r => r.Name == checkName)
            ?? throw new KeyNotFoundException($"No check '{checkName}' in the report of {Subject}");

    public override string ToString() => $"{Subject} (seed {Seed})\n" + string.Join('\n', Results.Select(r => "  " + r));
}
