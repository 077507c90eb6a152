// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Formats.WriteLogs;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Tools.Differential.Tests.Beyond;

/// <summary>blockhost replay: what it prints, does and refuses.</summary>
[Collection(InProcessTool.OneAtATime)]
public sealed class ReplayTests : IDisposable
{
    private const int Sector = 512;

    private readonly Scratch _scratch = new(Directory.CreateTempSubdirectory("bh-replay").FullName);

    public ReplayTests()
    {
        File.WriteAllBytes(_scratch["image"], []);
        File.WriteAllBytes(_scratch["log"], Log(
            (new(0, 2, WriteLogFlags.None), 1),
            (new(0, 0, WriteLogFlags.Flush), 0),
            (new(0, 0, WriteLogFlags.Mark, 4), 0),
            (new(4, 1, WriteLogFlags.Fua), 2),
            (new(0, 1, WriteLogFlags.Discard), 0)));
    }

    [Fact]
    public void Entries_are_listed_with_the_number_that_replays_up_to_them()
    {
        var result = Run("--list", "log");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal(
            """
               Entry          Offset         Bytes  What
                   1               0          1024  write
                   2                                flush
                   3                                mark 'sync'
                   4            2048           512  write, fua
                   5               0           512  discard

            """,
            result.Output);
    }

    [Fact]
    public void Entries_are_listed_for_programs()
    {
        var lines = Run("--list", "--json", "log").Output.Split('\n');

        Assert.Equal("""{"entry":1,"what":["write"],"offset":0,"bytes":1024}""", lines[0]);
        Assert.Equal("""{"entry":3,"what":["mark"],"mark":"sync"}""", lines[2]);
    }

    [Theory]
    [InlineData("--until 0", 0, 0, "", 0)]
    [InlineData("--until 1", 1, 1024, "11", 0)]
    [InlineData("--mark sync", 3, 1024, "11", 0)]
    [InlineData("--until 4", 4, 2560, "110", 2)]
    [InlineData("", 5, 2560, "010", 2)]
    [InlineData("--keep-discarded", 5, 2560, "110", 2)]
    public void An_image_becomes_what_it_was(string options, int entries, int length, string first, int last)
    {
        var result = Run([.. options.Split(' ', StringSplitOptions.RemoveEmptyEntries), "log", "image"]);

        Assert.Equal((0, $"Replayed {entries} of 5 entries\n", ""), (result.ExitCode, result.Output, result.Error));
        var image = File.ReadAllBytes(_scratch["image"]);
        Assert.Equal(length, image.Length);
        Assert.Equal(first, string.Concat(Enumerable.Range(0, first.Length).Select(sector => image[sector * Sector])));
        Assert.Equal(last, length == 2560 ? image[4 * Sector] : 0);
    }

    [Theory]
    [InlineData("", "a log is missing\nTry 'blockhost replay --help' for more information\n")]
    [InlineData("log", "an image is missing; '--list' shows the log alone\nTry 'blockhost replay --help' for more information\n")]
    [InlineData("--list log image", "unexpected argument 'image'\nTry 'blockhost replay --help' for more information\n")]
    [InlineData("--json log image", "'--json' is for '--list'\nTry 'blockhost replay --help' for more information\n")]
    [InlineData(
        "--until 1 --mark a log image",
        "'--until' and '--mark' are mutually exclusive\nTry 'blockhost replay --help' for more information\n")]
    [InlineData(
        "--untli 1 log image",
        "unrecognized option '--untli'\nDid you mean '--until'?\nTry 'blockhost replay --help' for more information\n")]
    [InlineData("--until 6 log image", "The log has 5 entries, fewer than 6\n")]
    [InlineData("--mark snyc log image", "The log has no mark 'snyc'\n")]
    [InlineData("image image", "Invalid log superblock magic\n")]
    [InlineData("nofile image", "Could not open 'nofile': Could not open 'nofile': No such file or directory\n")]
    public void What_it_cannot_do_changes_nothing(string line, string error)
    {
        var result = Run(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal((1, "", $"blockhost replay: {error}"), (result.ExitCode, result.Output, result.Error));
        Assert.Equal(0, new FileInfo(_scratch["image"]).Length);
    }

    [Fact]
    public void A_log_that_is_cut_short_is_refused_before_the_image_is_touched()
    {
        using (var log = File.OpenWrite(_scratch["log"]))
            log.SetLength(log.Length - Sector - 1);

        var result = Run("log", "image");

        Assert.Equal("blockhost replay: Log entry 4 of 5 lies beyond the log's end\n", result.Error);
        Assert.Equal(0, new FileInfo(_scratch["image"]).Length);
    }

    public void Dispose() => _scratch.Dispose();

    private ToolResult Run(params IReadOnlyList<string> args) =>
        InProcessTool.Run(_scratch.Folder, "blockhost replay", args, input: "");

    private static byte[] Log(params IReadOnlyList<(WriteLogEntry Entry, byte Pattern)> entries)
    {
        var log = new List<byte>();
        var sector = new byte[Sector];
        new WriteLogHeader(entries.Count, Sector).Write(sector);
        log.AddRange(sector);
        foreach (var (entry, pattern) in entries)
        {
            Array.Clear(sector);
            entry.Write(sector);
            if ((entry.Flags & WriteLogFlags.Mark) != 0)
                Encoding.UTF8.GetBytes("sync", sector.AsSpan(WriteLogEntry.Size));
            log.AddRange(sector);
            if (entry.HasData)
                log.AddRange(Enumerable.Repeat(pattern, (int)entry.Sectors * Sector));
        }

        return [.. log];
    }
}
