// SPDX-License-Identifier: MIT
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Sequences.Tests;

/// <summary>
/// Runs one sequence on two images:
/// <code>
///   a.qcow2 ◄── ours        after every step:  same output, both checks clean on both images,
///   b.qcow2 ◄── QEMU's                         QEMU reads the same from both
///                           at the end:        we read the same from both
/// </code>
/// </summary>
internal sealed class SequenceRun : IDisposable
{
    private static readonly string[] CompareArgs = ["compare", "-f", "qcow2", "-F", "qcow2", "a.qcow2", "b.qcow2"];

    private readonly Scratch _scratch = new(Directory.CreateTempSubdirectory("bh-seq").FullName);
    private readonly Sequence _sequence;

    private SequenceRun(Sequence sequence) => _sequence = sequence;

    /// <returns>What went wrong, or null.</returns>
    public static string? Run(Sequence sequence)
    {
        using var run = new SequenceRun(sequence);
        try
        {
            return run.Create() ?? run.Steps() ?? run.Compare(Ours("qemu-img", CompareArgs, run), "ours");
        }
        catch (TimeoutException e)
        {
            return e.Message;
        }
    }

    public void Dispose() => _scratch.Dispose();

    /// <summary>The commands before the first step, as a person would type them.</summary>
    public static IEnumerable<string> Preparation(ImageShape shape)
    {
        if (shape.BackingSize > 0)
        {
            yield return $"qemu-img create -q -f raw base {shape.BackingSize}";
            yield return $"qemu-io -f raw -c 'write -P 170 0 {shape.BackingSize}' base";
        }

        yield return $"qemu-img {string.Join(' ', CreateArgs(shape, "a"))}";
    }

    private static List<string> CreateArgs(ImageShape shape, string name)
    {
        var args = new List<string> { "create", "-q", "-f", "qcow2", "-o", shape.CreateOptions($"{name}.data") };
        if (shape.BackingSize > 0)
            args.AddRange(["-b", "base", "-F", "raw"]);
        args.AddRange([$"{name}.qcow2", $"{shape.Size}"]);
        return args;
    }

    private static ToolResult Ours(string program, IReadOnlyList<string> args, SequenceRun run) =>
        InProcessTool.Run(run._scratch.Folder, program, args, input: "");

    private ToolResult Theirs(string program, IReadOnlyList<string> args) => ProgramRunner.Run(_scratch.Folder, program, args);

    private string? Create()
    {
        if (_sequence.Shape.BackingSize > 0)
        {
            var data = new byte[_sequence.Shape.BackingSize];
            data.AsSpan().Fill(170);
            _scratch.Write("base", 0, data);
        }

        return Differing(
            Step.Exchange,
            Ours("qemu-img", CreateArgs(_sequence.Shape, "a"), this),
            Theirs("qemu-img", CreateArgs(_sequence.Shape, "b")));
    }

    private string? Steps()
    {
        for (var i = 0; i < _sequence.Steps.Count; i++)
        {
            var step = _sequence.Steps[i];
            if ((step == Step.Exchange ? Exchange() : Do(step)) is { } failure)
                return $"after step {i + 1}: {failure}";
        }

        return null;
    }

    private string? Exchange()
    {
        File.Move(_scratch["a.qcow2"], _scratch["t"]);
        File.Move(_scratch["b.qcow2"], _scratch["a.qcow2"]);
        File.Move(_scratch["t"], _scratch["b.qcow2"]);
        return null;
    }

    private string? Do(Step step) =>
        Differing(step, Ours(step.Program, step.On("a.qcow2"), this), Theirs(step.Program, step.On("b.qcow2")))
        ?? Check("a.qcow2") ?? Check("b.qcow2")
        ?? Compare(Theirs("qemu-img", CompareArgs), "QEMU's");

    private static string? Differing(Step step, ToolResult ours, ToolResult theirs)
    {
        var (left, right) = (Comparable(ours, "a"), Comparable(theirs, "b"));
        return left == right ? null : $"{step}\nQEMU's: {right}\nours:   {left}";
    }

    /// <summary>Without the lines of sizes, times and rates, and with one name for both images.</summary>
    private static string Comparable(ToolResult result, string name)
    {
        var lines = (result.Output + result.Error).Split('\n').Where(line => !line.Contains(" ops; ", StringComparison.Ordinal));
        return $"exit {result.ExitCode}\n{string.Join('\n', lines)}".Replace($"{name}.qcow2", "IMAGE", StringComparison.Ordinal);
    }

    private string? Check(string image)
    {
        string[] args = ["check", "-q", "-f", "qcow2", image];
        var theirs = Theirs("qemu-img", args);
        if (theirs.ExitCode != 0)
            return $"QEMU's check of {image}: {theirs}";
        var ours = Ours("qemu-img", args, this);
        return ours.ExitCode == 0 ? null : $"our check of {image}: {ours}";
    }

    private string? Compare(ToolResult compared, string whose) =>
        compared.ExitCode == 0 && compared.Output.Contains("Images are identical", StringComparison.Ordinal)
            ? null
            : $"{whose} compare: {compared}";
}
