// SPDX-License-Identifier: MIT
using BlockHost.Sequences.Tests.Relays;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Sequences.Tests.Crashes;

/// <summary>What a power cut has left:
/// <code>
///   both checks alike: clean, or leaks ─► what was flushed is there ─► a repair by either ─► clean, and still there
///                      └─ clean ────────► both read it: a repair has nothing to do
/// </code>
/// </summary>
internal sealed class CrashJudge(Layout layout, StepTaken step) : IDisposable
{
    private const int Leaks = 3;
    private const int NoChecks = 63;

    private readonly Scratch _scratch = new(Directory.CreateTempSubdirectory("bh-crash").FullName);

    private string Locator => layout.Locator(step.Image, layout.Format);

    public string Folder => _scratch.Folder;

    /// <returns>What is wrong, or null.</returns>
    public string? Judge(FolderState state, bool thorough)
    {
        state.Save(_scratch.Folder);
        var isClean = false;
        var failure = (layout.Format == "vhdx" ? null : CheckBoth(out isClean) ?? CheckContent(ours: true)) ?? CheckBelow();
        if (failure is not null || layout.Repair == Means.None)
            return failure;
        if (isClean && !thorough)
            return CheckContent(ours: false);
        failure = RepairAndCheck(ours: true);
        if (failure is not null || !thorough || layout.Repair == Means.Ours)
            return failure;
        state.Save(_scratch.Folder);
        return RepairAndCheck(ours: false);
    }

    /// <summary>The image holds what the step was to make of it.</summary>
    public string? CompareDone() => Compare(step.Image, layout.Format, step.After, step.Discarded);

    /// <summary>What "convert" has made holds what the image does.</summary>
    public string? CompareMade(IReadOnlyList<string> args)
    {
        var source = args[^2] == Locator ? step.Before : null;
        return source is null ? null : Compare(args[^1], layout.Format, source, []);
    }

    private string? Compare(string name, string format, byte[] expected, bool[] unknown)
    {
        var result = Run(ours: false, "convert", "-f", format, "-O", "raw", layout.Locator(name, format), "read");
        if (result.ExitCode != 0)
            return $"QEMU does not read it: {result}";
        var read = File.ReadAllBytes(_scratch["read"]);
        for (var at = 0; at < Math.Min(read.Length, expected.Length); at++)
        {
            if (read[at] != expected[at] && !(at < unknown.Length && unknown[at]))
                return $"{read[at]} is at {at}, not {expected[at]}";
        }

        return null;
    }

    public void Dispose() => _scratch.Dispose();

    private string? CheckBoth(out bool isClean)
    {
        var (theirs, ours) = (Check(ours: false), Check(ours: true));
        isClean = (theirs.ExitCode, ours.ExitCode) == (0, 0);
        if (theirs.ExitCode != NoChecks && (theirs.ExitCode != ours.ExitCode || theirs.Output != ours.Output))
            return $"our check: {ours}\nQEMU's: {theirs}";
        return ours.ExitCode is 0 or Leaks or NoChecks || IsHarmless(ours) ? null : $"both checks: {ours}";
    }

    /// <summary>
    /// Where refcounts are kept lazily they are wrong until they are repaired; a vdi's header may count more blocks than there
    /// are, and a parallels image says that nobody has closed it (docs/state.md).
    /// </summary>
    private bool IsHarmless(ToolResult check)
    {
        var errors = (check.Output + check.Error).Split('\n').Where(line => line.Contains("ERROR", StringComparison.Ordinal));
        return layout.Format switch
        {
            "vdi" => errors.All(line => line.Contains("mismatch", StringComparison.Ordinal)),
            "parallels" => errors.All(line =>
                line.Contains("not closed", StringComparison.Ordinal) || line.Contains("leaked", StringComparison.Ordinal)),
            "qcow2" => IsDirty() || HasOnlyStaleMarks(errors, check),
            _ => false,
        };
    }

    /// <summary>The header says that refcounts are to be repaired (incompatible features, bit 0).</summary>
    private bool IsDirty()
    {
        using var file = File.OpenRead(_scratch[step.Image]);
        var header = new byte[80];
        file.ReadExactly(header);
        return header[7] >= 3 && (header[79] & 1) != 0;
    }

    /// <summary>
    /// While a snapshot is made or goes, clusters are counted twice before they lose their mark of being one image's own. That
    /// does no harm as long as nothing else points at them: then they are leaks as well.
    /// </summary>
    private static bool HasOnlyStaleMarks(IEnumerable<string> errors, ToolResult check)
    {
        var marks = errors.ToList();
        var counted = marks.Count(line => !line.EndsWith("refcount=1", StringComparison.Ordinal));
        var leaks = check.Error.Split('\n').Count(line => line.StartsWith("Leaked cluster", StringComparison.Ordinal));
        return marks.All(line => line.Contains("OFLAG_COPIED", StringComparison.Ordinal)) && counted <= leaks;
    }

    /// <summary>All bytes that the step had nothing to do with are as they were, others as they were or are now.</summary>
    private string? CheckContent(bool ours)
    {
        var result = Run(ours, "convert", "-f", layout.Format, "-O", "raw", Locator, "read");
        if (result.ExitCode != 0)
            return $"{(ours ? "ours" : "QEMU")} does not read it: {result}";
        var (read, before, after) = (File.ReadAllBytes(_scratch["read"]), step.Before, step.After);
        if (read.Length != before.Length && read.Length != after.Length)
            return $"it has {read.Length} bytes";
        for (var at = 0; at < read.Length; at++)
        {
            at += read.AsSpan(at).CommonPrefixLength(before.AsSpan(Math.Min(at, before.Length)));
            var isTouched = at < step.Touched.Length && step.Touched[at];
            if (at >= read.Length || isTouched || (at < after.Length && read[at] == after[at]))
                continue;
            // What was to be cut off may be gone already; where a fixed vpc image grows, its old footer is the last to go.
            if (at >= after.Length || (at >= before.Length && layout.Name.StartsWith("vpc-fixed", StringComparison.Ordinal)))
                continue;
            return $"{(ours ? "ours" : "QEMU")} reads {read[at]} at {at}";
        }

        return null;
    }

    private string? RepairAndCheck(bool ours)
    {
        var repaired = Run(ours, "check", "-q", "-f", layout.Format, "-r", "all", Locator);
        if (repaired.ExitCode is not (0 or Leaks))
            return $"{(ours ? "our" : "QEMU's")} repair: {repaired}";
        var (theirs, checkedByOurs) = (Check(ours: false), Check(ours: true));
        var isClean = checkedByOurs.ExitCode == 0 || (layout.Format is "qed" or "qcow" && checkedByOurs.ExitCode == Leaks);
        if (!isClean || (theirs.ExitCode != NoChecks && checkedByOurs.ExitCode != theirs.ExitCode))
            return $"after {(ours ? "our" : "QEMU's")} repair: {theirs}\nours: {checkedByOurs}";
        return CheckContent(ours) ?? CheckContent(!ours);
    }

    /// <summary>An image that the step wrote into is sound as well.</summary>
    private string? CheckBelow()
    {
        if (step.Backing is not { } backing)
            return null;
        string[] args = ["check", "-f", backing.Format, layout.Locator(backing.Name, backing.Format)];
        var (theirs, ours) = (Run(ours: false, args), Run(ours: true, args));
        return ours.ExitCode is 0 or Leaks or NoChecks && (theirs.ExitCode == NoChecks || ours.ExitCode == theirs.ExitCode)
            ? null
            : $"below: our check: {ours}\nQEMU's: {theirs}";
    }

    private ToolResult Check(bool ours) => Run(ours, "check", "-f", layout.Format, Locator);

    private ToolResult Run(bool ours, params string[] given)
    {
        var args = layout.WithSecrets("qemu-img", given);
        return ours
            ? InProcessTool.Run(_scratch.Folder, "qemu-img", args, input: "")
            : ProgramRunner.Run(_scratch.Folder, "qemu-img", args);
    }
}
