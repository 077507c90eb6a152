// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Sequences.Tests.Relays;
using BlockHost.Sequences.Tests.Watched;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Sequences.Tests.Crashes;

/// <summary>
/// Each command again, from where it began, once for each of its operations on files, of which that one fails: it ends, says what
/// has failed or has done all the same what it should, and leaves an image that is sound.
/// </summary>
/// <param name="most">It ends after so many operations.</param>
internal sealed class ErrorRun(Layout layout, int seed, int most, Func<bool> wants) : OwnWork(layout, seed)
{
    private static readonly string[] Reasons = ["Input/output error", "No space left on device", "Injected"];

    private readonly FileWatch _watch = new();

    public int Errors { get; private set; }

    protected override bool IsDone => Errors >= most;

    protected override void Examine(Recording recording, StepTaken step)
    {
        using var judge = new CrashJudge(Layout, step);
        for (var at = 0; at < recording.Begun && !IsDone; at++)
        {
            if (!wants())
                continue;
            recording.Before.Save(judge.Folder);
            var result = Fail(recording, judge.Folder, at);
            if (_watch.Failed is not { } failed)
                continue;
            Errors++;
            if (Judge(recording, step, judge, result) is { } failure)
                throw new RelayException($"{_watch.FailWith} in operation {at} ({failed}) of '{recording.Command}': {failure}");
        }
    }

    private ToolResult Fail(Recording recording, string folder, int at)
    {
        _watch.Begin();
        (_watch.FailAt, _watch.FailWith) = (at, at % 2 == 0 ? BlockErrorKind.Io : BlockErrorKind.NoSpace);
        return InProcessTool.Run(folder, recording.Program, recording.Args, input: "", new WatchedHosts(_watch));
    }

    private string? Judge(Recording recording, StepTaken step, CrashJudge judge, ToolResult result)
    {
        var said = result.Output + result.Error;
        // A "flush" of qemu-io's that fails shows in its exit code only, as QEMU's.
        var mayBeSilent = recording.Program == "qemu-io" && recording.Args.Contains("flush");
        if (result.ExitCode != 0 && !mayBeSilent && !Reasons.Any(reason => said.Contains(reason, StringComparison.Ordinal)))
            return $"it does not say what has failed: {result}";
        if (recording.MakesImage)
            return result.ExitCode == 0 && recording.Args[0] == "convert" ? judge.CompareMade(recording.Args) : null;
        return judge.Judge(FolderState.Of(judge.Folder), thorough: Errors % 4 == 1)
            ?? (result.ExitCode == 0 ? judge.CompareDone() is { } wrong ? $"it succeeds, and {wrong}" : null : null);
    }
}
