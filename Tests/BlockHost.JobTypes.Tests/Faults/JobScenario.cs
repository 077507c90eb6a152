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

    /// <summary>It is dismissed by itself unless the user says otherwise.</summary>
    public bool IsBlockJob { get; init; } = true;

    /// <summary>The node that holds the result.</summary>
    public required string Result { get; init; }

    /// <summary>The target is below the guest's disk or that disk itself: it must be whole whatever happens.</summary>
    public bool TargetIsTheGuests { get; init; }

    public static JobScenario Stream { get; } = OverChain(
        "block-stream", "", source: "b", target: "t") with
    { OnlyReads = true, IgnoredErrorsFail = true };

    public static JobScenario IntermediateCommit { get; } =
        OverChain("block-commit", "\"top-node\":\"m\",\"base-node\":\"b\",", source: "m", target: "b");

    public static JobScenario ActiveCommit { get; } =
        OverChain(
            "block-commit",
            "\"base-node\":\"m\",",
            source: "t",
            target: "m") with
        { PrepareAsync = ChainWithDataAsync, Result = "m" };

    public static JobScenario MirrorInBackground { get; } = Copy(
        "blockdev-mirror", "\"granularity\":16384,\"copy-mode\":\"background\"");

    public static JobScenario MirrorWithWrites { get; } = Copy(
        "blockdev-mirror", "\"granularity\":16384,\"copy-mode\":\"write-blocking\"");

    public static JobScenario Backup { get; } = Copy(
        "blockdev-backup", "\"x-perf\":{\"max-chunk\":65536}") with
    { TargetIsOfTheStart = true };

    public static JobScenario Compact { get; } = OfOne("x-blockhost-block-compact", "\"device\":\"t\"") with
    { PrepareAsync = HolesAsync };

    public static JobScenario Amend { get; } = OfOne(
        "x-blockdev-amend",
        "\"node-name\":\"t\",\"options\":{\"driver\":\"qcow2\",\"lazy-refcounts\":true}") with
    { IsBlockJob = false };

    /// <summary>Within a chain b ◄ m ◄ t whose top a guest uses.</summary>
    private static JobScenario OverChain(string command, string more, string source, string target) => new()
    {
        PrepareAsync = ChainAsync,
        Command = command,
        Arguments = $"\"device\":\"t\",{more}\"on-error\":\"POLICY\"",
        Guest = "t",
        Source = source,
        Target = target,
        Result = "t",
        TargetIsTheGuests = true,
    };

    /// <summary>Of the disk s, which a guest uses, to t.</summary>
    private static JobScenario Copy(string command, string more) => new()
    {
        PrepareAsync = CopyAsync,
        Command = command,
        Arguments =
            $"\"device\":\"s\",\"target\":\"t\",\"sync\":\"full\",{more},\"on-source-error\":\"POLICY\",\"on-target-error\":\"POLICY\"",
        Guest = "s",
        Source = "s",
        Target = "t",
        Result = "t",
    };

    /// <summary>On the disk t alone.</summary>
    private static JobScenario OfOne(string command, string arguments) => new()
    {
        PrepareAsync = (bed, random) => bed.AddAsync("t", data: random),
        Command = command,
        Arguments = arguments,
        Guest = "t",
        Source = "t",
        Target = "t",
        Result = "t",
        TargetIsTheGuests = true,
    };

    private static async Task HolesAsync(FaultBed bed, Random random)
    {
        await bed.AddAsync("t", data: random);
        await bed.DiscardAsync("t", FaultBed.Size / 4, FaultBed.Size / 4);
    }

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
