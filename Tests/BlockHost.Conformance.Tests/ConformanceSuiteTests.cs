// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Conformance.Tests.Sample;
using Xunit.Abstractions;

namespace BlockHost.Conformance.Tests;

public sealed class ConformanceSuiteTests(ITestOutputHelper output)
{
    private static readonly ConformanceOptions Short = new() { Sequences = 6, OperationTimeout = TimeSpan.FromSeconds(5) };

    [Fact]
    public async Task A_sound_driver_passes_every_check()
    {
        var report = await ConformanceSuite.RunAsync(SampleSubject.With(Defect.None), Short);

        output.WriteLine(report.ToString());
        Assert.Empty(report.Failures);
        Assert.Equal([CheckNames.YankInFlight], report.Results.Where(r => r.Outcome == CheckOutcome.Skipped).Select(r => r.Name));
    }

    [Theory]
    [InlineData(Defect.IgnoresSegmentOffsets, CheckNames.IoRandom)]
    [InlineData(Defect.Overruns, CheckNames.IoRandom)]
    [InlineData(Defect.KeepsBufferAfterCancel, CheckNames.CancelBuffers)]
    [InlineData(Defect.LeaksBufferOnError, CheckNames.BuffersReturned)]
    [InlineData(Defect.FlushIsALie, CheckNames.PowerCut)]
    [InlineData(Defect.WritesAfterClose, CheckNames.CloseQuiet)]
    [InlineData(Defect.SharesScratch, CheckNames.IoConcurrent)]
    [InlineData(Defect.StatusLies, CheckNames.StatusHonest)]
    [InlineData(Defect.YankBlocks, CheckNames.YankAnyTime)]
    [InlineData(Defect.Allocates, CheckNames.AllocationBudget)]
    [InlineData(Defect.IgnoresDrain, CheckNames.Drain)]
    [InlineData(Defect.MarksReadOnlyImage, CheckNames.ProfileReadOnly)]
    [InlineData(Defect.SwallowsErrors, CheckNames.ErrorsOfChildren)]
    [InlineData(Defect.ThrowsForeignException, CheckNames.ErrorsOfChildren)]
    [InlineData(Defect.WidensConcurrency, CheckNames.ProfileHonest)]
    [InlineData(Defect.SwallowsOptions, CheckNames.OptionsUnknown)]
    public async Task A_broken_driver_fails_the_check_of_its_fault(Defect defect, string checkName)
    {
        var report = await ConformanceSuite.RunAsync(SampleSubject.With(defect), Short);

        output.WriteLine(report.ToString());
        Assert.Equal(CheckOutcome.Failed, report[checkName].Outcome);
    }

    [Fact]
    public async Task Most_faults_fail_their_own_check_only()
    {
        foreach (var (defect, only) in new[]
        {
            (Defect.KeepsBufferAfterCancel, CheckNames.CancelBuffers),
            (Defect.LeaksBufferOnError, CheckNames.BuffersReturned),
            (Defect.FlushIsALie, CheckNames.PowerCut),
            (Defect.WritesAfterClose, CheckNames.CloseQuiet),
            (Defect.StatusLies, CheckNames.StatusHonest),
            (Defect.Allocates, CheckNames.AllocationBudget),
        })
        {
            var report = await ConformanceSuite.RunAsync(SampleSubject.With(defect), Short);
            Assert.True(report.Failures.Select(f => f.Name).SequenceEqual([only]), report.ToString());
        }
    }

    [Fact]
    public async Task A_yanked_transport_must_say_that_it_was_yanked()
    {
        var sound = await ConformanceSuite.RunAsync(TransportDriver.Subject(), Short);
        var broken = await ConformanceSuite.RunAsync(TransportDriver.Subject(BlockErrorKind.Io), Short);

        Assert.Empty(sound.Failures);
        Assert.Equal(CheckOutcome.Passed, sound[CheckNames.YankInFlight].Outcome);
        Assert.Equal([CheckNames.YankInFlight], broken.Failures.Select(f => f.Name));
    }

    [Fact]
    public async Task A_failing_sequence_is_reported_in_its_shortest_form()
    {
        var report = await ConformanceSuite.RunAsync(SampleSubject.With(Defect.IgnoresSegmentOffsets), Short);

        var script = report[CheckNames.IoRandom].Script;
        Assert.InRange(script.Count, 1, 2);
        Assert.Contains(
            script,
            line => line.StartsWith("read", StringComparison.Ordinal) && line.Contains("segments", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_report()
    {
        var first = await ConformanceSuite.RunAsync(SampleSubject.With(Defect.Overruns), Short);
        var second = await ConformanceSuite.RunAsync(SampleSubject.With(Defect.Overruns), Short);

        Assert.Equal(first[CheckNames.IoRandom].Script, second[CheckNames.IoRandom].Script);
        Assert.Equal(first[CheckNames.IoRandom].Reason, second[CheckNames.IoRandom].Reason);
    }

    [Fact]
    public async Task A_filter_limits_the_checks()
    {
        var report = await ConformanceSuite.RunAsync(
            SampleSubject.With(Defect.None),
            Short with { Filter = name => name.StartsWith("options.", StringComparison.Ordinal) });

        Assert.Equal(
            [CheckNames.OptionsSchema, CheckNames.OptionsRoundTrip, CheckNames.OptionsUnknown],
            report.Results.Select(r => r.Name));
    }
}
