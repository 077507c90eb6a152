// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.RegularExpressions;
using BlockHost.CommandLine;
using BlockHost.Core.Qapi;
using BlockHost.Core.Text;
using BlockHost.Tools.Differential.Tests.Scripts;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Tools.Differential.Tests;

/// <summary>Runs the steps of one case on both sides and collects where they differ.</summary>
internal sealed partial class CaseRunner : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("bh").FullName;
    private readonly Scratch _theirs;
    private readonly Scratch _ours;
    private readonly Masks _masks = new();
    private readonly HashSet<string> _ignoredFiles = new(StringComparer.Ordinal);
    private readonly List<string> _differences = [];
    private string _input = "";
    private string? _gap;

    private CaseRunner()
    {
        // Names of one length: tools print them in columns.
        _theirs = new(Path.Combine(_root, "q"));
        _ours = new(Path.Combine(_root, "o"));
    }

    /// <returns>What differs; empty where nothing does.</returns>
    public static IReadOnlyList<string> Run(Case script)
    {
        using var runner = new CaseRunner();
        foreach (var step in script.Steps)
            runner.Run(step);
        runner.OnBoth(side => side.EndServers());
        runner.OnBoth(side => side.Detach());
        runner._differences.AddRange(
            FolderComparison.Differences(runner._theirs.Folder, runner._ours.Folder, runner._ignoredFiles));
        return runner._differences;
    }

    public void Dispose()
    {
        _theirs.Dispose();
        _ours.Dispose();
        Directory.Delete(_root);
    }

    private void Run(Step step)
    {
        var args = step.Args;
        switch (step.Verb)
        {
            case "qemu-img" or "qemu-io" or "qemu-nbd" or "qemu-storage-daemon":
                Compare(step, step.Verb, args, ours => InProcessTool.Run(_ours.Folder, step.Verb, ours, _input));
                break;
            case "@exec":
                Compare(
                    step,
                    args[0],
                    args.Skip(1),
                    ours => ProgramRunner.Run(_ours.Folder, SourceTree.Program(args[0]), ours, _input));
                break;
            case "@real":
                Compare(step, args[0], args.Skip(1), ours => ProgramRunner.Run(_ours.Folder, args[0], ours, _input));
                break;
            case "@file": OnBoth(side => side.MakeFile(args[0], Size(args[1]))); break;
            case "@loop":
                OnBoth(
                side => Skip.IfNot(side.TryAttach(args[0], Size(args[1])), "no loop device can be made here")); break;
            case "@fill": OnBoth(side => side.Write(args[0], Size(args[1]), Filled(Size(args[2]), args[3]))); break;
            case "@poke": OnBoth(side => side.Write(args[0], Size(args[1]), Convert.FromHexString(args[2]))); break;
            case "@same": Compare(step, Map(_theirs, args[0]), Map(_ours, args[0])); break;
            case "@identical": Identical(step, args[0]); break;
            case "@check":
                Compare(
                step, "qemu-img", ["check", args[0]], ours => ProgramRunner.Run(_ours.Folder, "qemu-img", ours)); break;
            case "@serve": Serve(args[0], args[1], [.. args.Skip(2)]); break;
            case "@stdin": _input = step.Rest.Replace("\\n", "\n", StringComparison.Ordinal); break;
            case "@mask": _masks.Add(step.Rest); break;
            case "@anysize": _masks.AddSizes(); break;
            case "@anyfile": _ignoredFiles.Add(args[0]); break;
            case "@gap": _gap = step.Rest; break;
            default: throw new FormatException($"line {step.Line}: there is no step '{step.Verb}'");
        }
    }

    /// <summary>QEMU's program and <paramref name="ours"/> at the same time.</summary>
    private void Compare(Step step, string program, IEnumerable<string> args, Func<IReadOnlyList<string>, ToolResult> ours)
    {
        var theirs = Task.Run(() => ProgramRunner.Run(_theirs.Folder, program, [.. args.Select(_theirs.WithDevices)], _input));
        var result = ours([.. args.Select(_ours.WithDevices)]);
        Compare(step, theirs.GetAwaiter().GetResult(), result);
    }

    private void Compare(Step step, ToolResult theirs, ToolResult ours)
    {
        var expected = Masked(theirs, _theirs);
        var actual = Masked(ours, _ours);
        if (_gap is { } reason && expected == actual)
            _differences.Add($"line {step.Line}: {step.Text}\nno longer differs, so take this away: @gap {reason}");
        else if (_gap is null && expected != actual)
            _differences.Add($"line {step.Line}: {step.Text}\nexpected {expected}\nactual {actual}");
        _gap = null;
        _input = "";
    }

    private ToolResult Masked(ToolResult result, Scratch side) =>
        result with { Output = Masked(result.Output, side), Error = Masked(result.Error, side) };

    private string Masked(string text, Scratch side) => _masks.Apply(side.WithoutDevices(text), side.Folder);

    private void Identical(Step step, string name)
    {
        if (!FolderComparison.SameBytes(_theirs[name], _ours[name]))
            _differences.Add($"line {step.Line}: '{name}' is not the same on both sides");
    }

    private static ToolResult Map(Scratch side, string name)
    {
        string[] format = name.EndsWith(".raw", StringComparison.Ordinal) ? ["-f", "raw"] : [];
        var map = ProgramRunner.Run(side.Folder, "qemu-img", ["map", "-U", "--output=json", .. format, name]);
        return map with { Output = MergeRanges(map.Output) };
    }

    /// <summary>
    /// Ranges that differ only in where they lie in the file become one, and so do data that is zero and data that is
    /// not: that only tells how the file system stores the clusters.
    /// </summary>
    private static string MergeRanges(string json)
    {
        var ranges = new List<(long Start, long Length, string Kind)>();
        foreach (Match match in MapRange().Matches(json))
        {
            var range = (Start: Number(match.Groups[1]), Length: Number(match.Groups[2]), Kind: match.Groups[3].Value);
            if (range.Kind.EndsWith("\"data\": true", StringComparison.Ordinal))
                range.Kind = range.Kind.Replace("\"zero\": true", "\"zero\": false", StringComparison.Ordinal);
            if (ranges is [.., var last] && last.Kind == range.Kind && last.Start + last.Length == range.Start)
                ranges[^1] = last with { Length = last.Length + range.Length };
            else
                ranges.Add(range);
        }

        return string.Concat(ranges.Select(range => $"{range.Start} +{range.Length}{range.Kind}\n"));

        static long Number(Group group) => long.Parse(group.Value, CultureInfo.InvariantCulture);
    }

    private void Serve(string socket, string program, IReadOnlyList<string> args)
    {
        _ignoredFiles.Add(socket);
        if (program == "@real")
        {
            OnBoth(side => side.Serve(socket, args[0], [.. args.Skip(1)]));
            return;
        }

        _theirs.Serve(socket, program, args);
        _ours.Serve(socket, SourceTree.Program(program), args);
    }

    private void OnBoth(Action<Scratch> action)
    {
        action(_theirs);
        action(_ours);
    }

    private static long Size(string text) =>
        Sizes.TryParse(text, out var bytes) == SizeError.None ? bytes : throw new FormatException($"'{text}' is no size");

    private static byte[] Filled(long length, string value)
    {
        var bytes = new byte[length];
        bytes.AsSpan().Fill((byte)Size(value));
        return bytes;
    }

    [GeneratedRegex("""\{ "start": (\d+), "length": (\d+)(, "depth": \d+, "present": \w+, "zero": \w+, "data": \w+)""")]
    private static partial Regex MapRange();
}
