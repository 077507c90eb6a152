// SPDX-License-Identifier: MIT
using BlockHost.Sequences.Tests.Crashes;
using BlockHost.Sequences.Tests.Relays;
using BlockHost.Tools.Differential.Tests.Sides;
using Xunit.Abstractions;

namespace BlockHost.Sequences.Tests;

/// <summary>
/// Errors of files while our tools work on an image of any format: each operation of a command fails once, with EIO or ENOSPC.
/// BLOCKHOST_ERRORS is how many errors to try for each layout of each format (default: few enough for every day),
/// BLOCKHOST_ERRORS_FROM the first seed.
/// </summary>
[Collection(InProcessTool.OneAtATime)]
public sealed class ErrorTests(ITestOutputHelper output)
{
    private const int Default = 1;

    public static TheoryData<string> Layouts =>
        [.. Layout.All.Where(layout => !layout.IsStream).Select(layout => layout.Name)];

    [SkippableTheory]
    [MemberData(nameof(Layouts))]
    public void A_command_ends_whatever_fails_says_so_and_leaves_an_image_that_is_sound(string name)
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-img"), "qemu-img is not installed");
        var layout = Layout.All.Single(layout => layout.Name == name);
        var wanted = SearchSize.Of("BLOCKHOST_ERRORS", Default);
        var isFull = wanted > Default;
        var errors = 0;
        for (var seed = SearchSize.Of("BLOCKHOST_ERRORS_FROM", 1); errors < wanted; seed++)
        {
            var random = new Random(seed);
            var run = new ErrorRun(layout, seed, wanted - errors, () => isFull || random.Next(4) == 0);
            var failure = run.Run();
            errors += run.Errors;
            if (failure is not null)
                Assert.Fail($"{name}, seed {seed}, error {errors}: {failure}");
        }

        output.WriteLine($"{name}: {errors} errors");
    }

    [SkippableTheory]
    [MemberData(nameof(Layouts))]
    public void A_command_that_only_reads_says_what_failed_or_finds_the_same(string name)
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-img"), "qemu-img is not installed");
        var layout = Layout.All.Single(layout => layout.Name == name);
        var wanted = SearchSize.Of("BLOCKHOST_ERRORS", Default);
        var errors = 0;
        for (var seed = SearchSize.Of("BLOCKHOST_ERRORS_FROM", 1); errors < wanted; seed++)
        {
            var random = new Random(seed);
            var run = new ReadingErrors(layout, seed, wanted - errors, () => wanted > Default || random.Next(4) == 0);
            var failure = run.Run();
            errors += run.Errors;
            Assert.True(failure is null, $"{name}, seed {seed}, error {errors}: {failure}");
        }

        output.WriteLine($"{name}: {errors} errors");
    }
}
