// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;
using BlockHost.Formats.Testing;
using BlockHost.Formats.Testing.Makers;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Tools.Differential.Tests.Beyond;

/// <summary>
/// Images of formats that are only read, where images are used: below qcow2, in map, in convert, over NBD. QEMU judges all
/// but the disk of a folder, which is laid out otherwise here: what it holds is what mtools find in it.
/// </summary>
[Collection(InProcessTool.OneAtATime)]
public sealed class ReadersBelowTests : IDisposable
{
    private const int Size = 1 << 20;
    private const string Image = "image";
    private const string Folder = "fat:files";

    private readonly Scratch _scratch = new(Directory.CreateTempSubdirectory("bh").FullName);

    public void Dispose() => _scratch.Dispose();

    [SkippableTheory]
    [InlineData("bochs")]
    [InlineData("cloop")]
    [InlineData("dmg")]
    public async Task It_is_copied_and_mapped_as_by_QEMU(string format)
    {
        await MakeAsync(format);

        Ours("qemu-img", "convert", "-f", format, "-O", "raw", Image, "ours.raw");
        Ours("qemu-img", "convert", "-f", format, "-O", "qcow2", Image, "ours.qcow2");
        Ours("qemu-img", "convert", "-c", "-f", format, "-O", "qcow2", Image, "packed.qcow2");

        Qemu("qemu-img", "convert", "-f", format, "-O", "raw", Image, "theirs.raw");
        Same("theirs.raw", "ours.raw");
        foreach (var copy in new[] { "ours.qcow2", "packed.qcow2" })
            Qemu("qemu-img", "compare", "-f", format, "-F", "qcow2", Image, copy);
        Ours("qemu-img", "compare", "-f", format, "-F", "raw", Image, "theirs.raw");
    }

    [SkippableTheory]
    [InlineData("bochs")]
    [InlineData("cloop")]
    [InlineData("dmg")]
    public async Task It_lies_below_qcow2_as_with_QEMU(string format)
    {
        await MakeAsync(format);
        Qemu("qemu-img", "create", "-q", "-f", "qcow2", "-b", Image, "-F", format, "theirs.qcow2");
        Ours("qemu-img", "create", "-q", "-f", "qcow2", "-b", Image, "-F", format, "ours.qcow2");
        Writes("qemu-io", Qemu, "theirs.qcow2");
        Writes("qemu-io", Ours, "ours.qcow2");

        Qemu("qemu-img", "check", "-q", "ours.qcow2");
        Qemu("qemu-img", "compare", "ours.qcow2", "theirs.qcow2");
        Ours("qemu-img", "compare", "ours.qcow2", "theirs.qcow2");
        Ours("qemu-img", "convert", "-O", "raw", "ours.qcow2", "ours.raw");
        Qemu("qemu-img", "convert", "-O", "raw", "ours.qcow2", "theirs.raw");
        Same("theirs.raw", "ours.raw");
        string[] map = ["map", "--output=json", "theirs.qcow2"];
        MapsAgree(Qemu("qemu-img", map), Ours("qemu-img", map), File.ReadAllBytes(_scratch["ours.raw"]));

        Ours("qemu-img", "rebase", "-b", "", "ours.qcow2");
        Qemu("qemu-img", "compare", "ours.qcow2", "theirs.qcow2");
        Assert.Equal(
            WithoutNodeNames(InFolder("qemu-img", "commit", "theirs.qcow2").Error),
            WithoutNodeNames(InProcessTool.Run(_scratch.Folder, "qemu-img", ["commit", "theirs.qcow2"], "").Error));
    }

    /// <summary>
    /// Every block is in the same layer; what is a hole to us, where QEMU knows of none in these formats, is zeroes.
    /// </summary>
    private static void MapsAgree(string theirs, string ours, byte[] content)
    {
        const int Step = 4096;
        var (expected, actual) = (DepthsOf(theirs), DepthsOf(ours));
        for (var at = 0; at < Size; at += Step)
            Assert.Equal(expected(at).Depth, actual(at).Depth);
        for (var at = 0; at < Size; at += Step)
            Assert.True(!actual(at).IsZero || !content.AsSpan(at, Step).ContainsAnyExcept((byte)0), $"{at} is no hole");
    }

    private static Func<long, (int Depth, bool IsZero)> DepthsOf(string map)
    {
        var runs = System.Text.Json.Nodes.JsonNode.Parse(map)!.AsArray().Select(
            run => (Start: (long)run!["start"]!, Length: (long)run["length"]!, Shown: ((int)run["depth"]!, (bool)run["zero"]!)));
        var all = runs.ToList();
        return at => all.Single(run => run.Start <= at && at < run.Start + run.Length).Shown;
    }

    /// <summary>QEMU may miss a module for dmg, and says so first.</summary>
    private static string WithoutNodeNames(string text)
    {
        var lines = text.Split('\n').Where(line => line.StartsWith("qemu-img:", StringComparison.Ordinal));
        return System.Text.RegularExpressions.Regex.Replace(string.Join('\n', lines), "#block[0-9]+", "#block");
    }

    [SkippableTheory]
    [InlineData("bochs")]
    [InlineData("cloop")]
    [InlineData("dmg")]
    [InlineData("vvfat")]
    public async Task It_is_served_over_NBD(string format)
    {
        await MakeAsync(format);
        var name = format == "vvfat" ? Folder : Image;
        string[] how = format == "vvfat" ? ["-f", "raw"] : ["-f", format];
        Ours("qemu-img", ["convert", .. how, "-O", "raw", name, "ours.raw"]);

        _scratch.Serve("reader", SourceTree.Program("qemu-nbd"), ["-t", "-r", "-k", _scratch["reader"], .. how, name]);

        Qemu("qemu-img", "compare", "-f", "raw", "-F", "raw", "ours.raw", Nbd("reader"));
        Qemu("qemu-img", "map", "-f", "raw", Nbd("reader"));
        Qemu("qemu-img", "create", "-q", "-f", "qcow2", "-b", Nbd("reader"), "-F", "raw", "over.qcow2");
        Writes("qemu-io", Ours, "over.qcow2");
        _scratch.Serve("over", SourceTree.Program("qemu-nbd"), ["-t", "-k", _scratch["over"], "-f", "qcow2", "over.qcow2"]);
        Qemu("qemu-io", "-f", "raw", "-c", "read -P 5 1k 3k", "-c", "write -P 9 80k 100", "-c", "read -P 9 80k 100", Nbd("over"));
    }

    [SkippableFact]
    public async Task A_folder_lies_below_qcow2_and_keeps_its_files()
    {
        Skip.IfNot(InstalledPrograms.Has("mtype"), "needs mtools");
        await MakeAsync("vvfat");
        Ours("qemu-img", "convert", "-f", "raw", "-O", "raw", Folder, "disk.raw");
        Ours("qemu-img", "create", "-q", "-f", "qcow2", "-b", Folder, "-F", "raw", "over.qcow2");
        Ours("qemu-img", "convert", "-O", "raw", "over.qcow2", "over.raw");
        Ours("qemu-img", "convert", "-O", "qcow2", "over.qcow2", "copy.qcow2");

        Same("disk.raw", "over.raw");
        Qemu("qemu-img", "compare", "-f", "raw", "-F", "qcow2", "disk.raw", "copy.qcow2");
        Assert.Equal("hello\n", Real("mtype", "-i", "over.raw@@32256", "::/sub/a file.txt"));
        Assert.Equal(Size, Real("mtype", "-i", "over.raw@@32256", "::/large").Length);
    }

    private async Task MakeAsync(string format)
    {
        Skip.IfNot(Formats.Testing.Qemu.IsInstalled, "needs qemu-img");
        if (format == "vvfat")
        {
            Directory.CreateDirectory(_scratch["files/sub"]);
            await File.WriteAllTextAsync(_scratch["files/sub/a file.txt"], "hello\n");
            await File.WriteAllTextAsync(_scratch["files/large"], new string('x', Size));
            return;
        }

        await Formats.Testing.Qemu.SaveAsync(ImageOf(format), _scratch[Image]);
    }

    /// <summary>A third of it is data, a third zeroes that are stored, and a third is left out where the format can.</summary>
    private static MemoryImage ImageOf(string format)
    {
        const int Block = 64 << 10;
        var content = new byte[Size];
        new Random(1).NextBytes(content);
        for (var i = 0; i < Size / Block; i++)
        {
            if (i % 3 != 0)
                content.AsSpan(i * Block, Block).Clear();
        }

        return format switch
        {
            "bochs" => BochsMaker.Redolog(content, sector => sector * BochsMaker.Sector / Block % 3 != 2),
            "cloop" => CloopMaker.Make(CloopMaker.Pack(content, Block), Block, "2.0"),
            _ => DmgMaker.Make([new(0, [.. content.Chunk(Block).Select(ChunkOf)])]),
        };
    }

    private static DmgMaker.Chunk ChunkOf(byte[] content, int number) => (number % 3) switch
    {
        0 => new(DmgMaker.Zlib, content, CloopMaker.Zlib(content)),
        1 => DmgMaker.Chunk.AsIs(content),
        _ => DmgMaker.Chunk.Zeroes(number % 2 == 0 ? DmgMaker.Ignore : DmgMaker.Zero, content.Length),
    };

    private void Writes(string program, Func<string, string[], string> run, string image) => run(
        program,
        ["-f", "qcow2", "-c", "write -P 5 1k 3k", "-c", "write -z 128k 64k", "-c", "write -P 6 300k 70k", image]);

    private string Ours(string program, params string[] args)
    {
        var result = InProcessTool.Run(_scratch.Folder, program, args, "");
        Assert.True(result.ExitCode == 0, $"our {program} {string.Join(' ', args)}: {result.Output}{result.Error}");
        return result.Output;
    }

    private string Qemu(string program, params string[] args) => Real(program, args);

    private string Real(string program, params string[] args)
    {
        var result = InFolder(program, args);
        Assert.True(result.ExitCode == 0, $"{program} {string.Join(' ', args)}: {result.Output}{result.Error}");
        Assert.DoesNotContain("Pattern verification failed", result.Output);
        return result.Output;
    }

    private ToolResult InFolder(string program, params string[] args) => ProgramRunner.Run(_scratch.Folder, program, args);

    private string Nbd(string socket) => $"nbd+unix:///?socket={_scratch[socket]}";

    private void Same(string expected, string actual) =>
        Assert.True(File.ReadAllBytes(_scratch[expected]).AsSpan().SequenceEqual(File.ReadAllBytes(_scratch[actual])), actual);
}
