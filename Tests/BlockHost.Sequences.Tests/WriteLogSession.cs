// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Sequences.Tests.Relays;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Sequences.Tests;

/// <summary>
/// Random work on an image whose storage keeps a log, and the image again as it was after any write to its storage:
/// <code>
///   qemu-io ─► FORMAT ─► blklogwrites ─┬─► a.img
///                                      └─► log ─► blockhost replay --until N ─► b.img, begun as a.img was
/// </code>
/// </summary>
internal sealed class WriteLogSession : IDisposable
{
    public const int Size = 4 << 20;
    private const int Rounds = 5;
    private const int Block = 4096;

    private readonly Scratch _scratch = new(Directory.CreateTempSubdirectory("bh-log").FullName);
    private readonly string _format;
    private readonly Layout _layout;
    private readonly bool _isLazy;
    private readonly List<Checkpoint> _checkpoints = [];

    public WriteLogSession(string format, string createOptions, int seed)
    {
        _format = format;
        _layout = new("", format, _ => createOptions)
        {
            SecretOption = createOptions.Contains("encrypt.", StringComparison.Ordinal) ? "encrypt.key-secret"
                : createOptions.Contains("key-secret", StringComparison.Ordinal) ? "key-secret" : "",
        };
        _isLazy = createOptions.Contains("lazy_refcounts", StringComparison.Ordinal);
        string[] options = createOptions.Length > 0 ? ["-o", createOptions] : [];
        Run("qemu-img", ["create", "-q", "-f", format, .. options, "a.img", $"{Size}"]);
        File.Copy(_scratch["a.img"], _scratch["start.img"]);
        File.WriteAllBytes(_scratch["log"], []);
        _checkpoints.Add(new(0, Content("a.img"), new bool[Size / Block]));
        var random = new Random(seed);
        for (var round = 0; round < Rounds; round++)
            Work(random);
    }

    /// <summary>So many writes, zeroes, discards and flushes has the storage seen.</summary>
    public int Entries => _checkpoints[^1].Entry;

    /// <summary>What is wrong with the image as it was after so many of them; null: nothing.</summary>
    public string? Judge(int entries)
    {
        File.Copy(_scratch["start.img"], _scratch["b.img"], overwrite: true);
        Run("blockhost replay", ["--until", $"{entries}", "log", "b.img"]);
        var before = _checkpoints.FindLastIndex(point => point.Entry <= entries);
        return CheckBoth() ?? Compare(before) ?? RepairAndCompare(before);
    }

    /// <summary>All that was logged makes the image that the work has left.</summary>
    public bool EndsAsItWas()
    {
        File.Copy(_scratch["start.img"], _scratch["b.img"], overwrite: true);
        Run("blockhost replay", ["log", "b.img"]);
        var (left, replayed) = (File.ReadAllBytes(_scratch["a.img"]), File.ReadAllBytes(_scratch["b.img"]));
        var common = Math.Min(left.Length, replayed.Length);
        return left.AsSpan(0, common).SequenceEqual(replayed.AsSpan(0, common))
            && !left.AsSpan(common).ContainsAnyExcept((byte)0) && !replayed.AsSpan(common).ContainsAnyExcept((byte)0);
    }

    public void Dispose() => _scratch.Dispose();

    /// <summary>Some requests; closing the image flushes them.</summary>
    private void Work(Random random)
    {
        var touched = new bool[Size / Block];
        var commands = new List<string>();
        for (var left = random.Next(2, 7); left > 0; left--)
        {
            var first = random.Next(Size / Block);
            var count = Math.Min(random.Next(1, 60), (Size / Block) - first);
            touched.AsSpan(first, count).Fill(true);
            var where = $"{first * Block} {count * Block}";
            commands.Add(random.Next(6) switch
            {
                0 => $"write -q -z {where}",
                1 => $"discard -q {where}",
                2 => "flush",
                _ => $"write -q -P {random.Next(1, 256)} {where}",
            });
        }

        var secret = _layout.IsEncrypted ? $",{_layout.SecretOption}=first" : "";
        const string storage = "file.driver=blklogwrites,file.log-append=on,file.log.driver=file,file.log.filename=log"
            + ",file.file.driver=file,file.file.filename=a.img";
        Run("qemu-io", ["-t", "writeback", "--image-opts", .. commands.SelectMany(command => (string[])["-c", command]),
            $"driver={_format}{secret},discard=unmap,file.discard=unmap,file.file.discard=unmap,{storage}"]);
        _checkpoints.Add(new(CountEntries(), Content("a.img"), touched));
    }

    private int CountEntries()
    {
        var lines = Run("blockhost replay", ["--list", "--json", "log"]).Output
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return JsonDocument.Parse(lines[^1]).RootElement.GetProperty("entry").GetInt32();
    }

    private byte[] Content(string image)
    {
        Run("qemu-img", ["convert", "-f", _format, "-O", "raw", _layout.Locator(image, _format), "content"]);
        return File.ReadAllBytes(_scratch["content"]);
    }

    /// <summary>Our check and QEMU's say the same, and nothing worse than that space is lost.</summary>
    private string? CheckBoth()
    {
        var args = _layout.WithSecrets("qemu-img", ["check", "-f", _format, _layout.Locator("b.img", _format)]);
        var theirs = ProgramRunner.Run(_scratch.Folder, "qemu-img", args);
        if (theirs.ExitCode == NoChecks)
            return null;
        var ours = InProcessTool.Run(_scratch.Folder, "qemu-img", args, input: "");
        if (ours.ExitCode != theirs.ExitCode || ours.Output != theirs.Output)
            return $"our check: {ours}\nQEMU's: {theirs}";
        return ours.ExitCode is 0 or Leaks || IsHarmless(ours) ? null : $"both checks: {ours}";
    }

    /// <summary>What was flushed before, and not written since, is there.</summary>
    private string? Compare(int before)
    {
        var expected = _checkpoints[before].Content;
        var touched = before + 1 < _checkpoints.Count ? _checkpoints[before + 1].Touched : new bool[Size / Block];
        var content = Content("b.img");
        for (var block = 0; block < touched.Length; block++)
        {
            var range = new Range(block * Block, (block + 1) * Block);
            if (!touched[block] && !content.AsSpan()[range].SequenceEqual(expected.AsSpan()[range]))
                return $"block {block} is not what was flushed";
        }

        return null;
    }

    private string? RepairAndCompare(int before)
    {
        var args = _layout.WithSecrets("qemu-img", ["check", "-q", "-f", _format, _layout.Locator("b.img", _format)]);
        if (InProcessTool.Run(_scratch.Folder, "qemu-img", [.. args, "-r", "all"], input: "").ExitCode == NoChecks)
            return null;
        var left = InProcessTool.Run(_scratch.Folder, "qemu-img", args, input: "");
        return left.ExitCode is 0 or NoChecks || _format == "vmdk" ? Compare(before) : $"after the repair: {left}";
    }

    /// <summary>
    /// Refcounts that are kept lazily are wrong until they are repaired; a vdi's header may count more blocks than there are
    /// (docs/state.md).
    /// </summary>
    private bool IsHarmless(ToolResult check) =>
        _isLazy
            || (_format == "vdi" && check.Output.Split('\n').Where(
                line =>
                    line.StartsWith("ERROR", StringComparison.Ordinal)).All(line =>
                        line.Contains("mismatch", StringComparison.Ordinal)));

    private const int Leaks = 3;
    private const int NoChecks = 63;

    private ToolResult Run(string program, IReadOnlyList<string> args)
    {
        var result = InProcessTool.Run(
            _scratch.Folder, program, program == "blockhost replay" ? args : _layout.WithSecrets(program, args), input: "");
        Assert.True(result.ExitCode == 0, $"{program} {string.Join(' ', args)}: {result}");
        return result;
    }

    /// <param name="Entry">Entries of the log by then.</param>
    /// <param name="Touched">Blocks that were written, zeroed or discarded since the checkpoint before.</param>
    private sealed record Checkpoint(int Entry, byte[] Content, bool[] Touched);
}
