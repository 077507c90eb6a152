// SPDX-License-Identifier: MIT
namespace BlockHost.JobTypes.Tests.Faults;

/// <summary>A job over images of half random data, and what it must lead to.</summary>
internal sealed record JobScenario
{
    /// <summary>Makes the images and opens them.</summary>
    public required Func<FaultBed, Random, Task> PrepareAsync { get; init; }

    public required string Command { get; init; }

    /// <summary>Without the job's id; POLICY stands for what is to be done on errors.</summary>
    public required string Arguments { get; init; }

    /// <summary>The node that a guest uses.</summary>
    public required string Guest { get; init; }

    /// <summary>The disk that the job reads.</summary>
    public required string Source { get; init; }

    /// <summary>The disk that the job writes.</summary>
    public required string Target { get; init; }

    /// <summary>All errors count as the source's: what is read is written on the way.</summary>
    public bool OnlyReads { get; init; }

    /// <summary>A job that ignores an error goes on, and fails in the end.</summary>
    public bool IgnoredErrorsFail { get; init; }

    /// <summary>The target holds what the guest's disk held when the job started, not what it holds now.</summary>
    public bool TargetIsOfTheStart { get; init; }

    /// <summary>The node that holds the result.</summary>
    public required string Result { get; init; }

    /// <summary>The target is below the guest's disk or that disk itself: it must be whole whatever happens.</summary>
    public bool TargetIsTheGuests { get; init; }

    public static JobScenario Stream { get; } = new()
    {
        PrepareAsync = ChainAsync,
        Command = "block-stream",
        Arguments = "\"device\":\"t\",\"on-error\":\"POLICY\"",
        Guest = "t",
        Source = "b",
        Target = "t",
        Result = "t",
        OnlyReads = true,
        IgnoredErrorsFail = true,
        TargetIsTheGuests = true,
    };

    public static JobScenario MirrorInBackground { get; } = Mirror("background");

    public static JobScenario MirrorWithWrites { get; } = Mirror("write-blocking");

    public static JobScenario IntermediateCommit { get; } = new()
    {
        PrepareAsync = ChainAsync,
        Command = "block-commit",
        Arguments = "\"device\":\"t\",\"top-node\":\"m\",\"base-node\":\"b\",\"on-error\":\"POLICY\"",
        Guest = "t",
        Source = "m",
        Target = "b",
        Result = "t",
        TargetIsTheGuests = true,
    };

    public static JobScenario ActiveCommit { get; } = new()
    {
        PrepareAsync = ChainWithDataAsync,
        Command = "block-commit",
        Arguments = "\"device\":\"t\",\"base-node\":\"m\",\"on-error\":\"POLICY\"",
        Guest = "t",
        Source = "t",
        Target = "m",
        Result = "m",
        TargetIsTheGuests = true,
    };

    public static JobScenario Backup { get; } = new()
    {
        PrepareAsync = CopyAsync,
        Command = "blockdev-backup",
        Arguments = "\"device\":\"s\",\"target\":\"t\",\"sync\":\"full\",\"x-perf\":{\"max-chunk\":65536},\"on-source-error\":\"POLICY\",\"on-target-error\":\"POLICY\"",
        Guest = "s",
        Source = "s",
        Target = "t",
        Result = "t",
        TargetIsOfTheStart = true,
    };

    private static JobScenario Mirror(string copyMode) => new()
    {
        PrepareAsync = CopyAsync,
        Command = "blockdev-mirror",
        Arguments = $"\"device\":\"s\",\"target\":\"t\",\"sync\":\"full\",\"granularity\":16384,\"copy-mode\":\"{copyMode}\",\"on-source-error\":\"POLICY\",\"on-target-error\":\"POLICY\"",
        Guest = "s",
        Source = "s",
        Target = "t",
        Result = "t",
    };

    private static Task ChainAsync(FaultBed bed, Random random) => ChainAsync(bed, random, top: null);

    private static Task ChainWithDataAsync(FaultBed bed, Random random) => ChainAsync(bed, random, top: random);

    private static async Task ChainAsync(FaultBed bed, Random random, Random? top)
    {
        await bed.AddAsync("b", data: random);
        await bed.AddAsync("m", "b", data: random);
        await bed.AddAsync("t", "m", data: top);
    }

    private static async Task CopyAsync(FaultBed bed, Random random)
    {
        await bed.AddAsync("s", data: random);
        await bed.AddAsync("t");
    }
}
