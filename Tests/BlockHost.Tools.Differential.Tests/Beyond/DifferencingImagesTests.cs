// SPDX-License-Identifier: MIT
using System.Diagnostics;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Tools.Differential.Tests.Beyond;

/// <summary>Differencing images of Hyper-V, Virtual PC and VirtualBox are made and resized, which QEMU's tools cannot.</summary>
[Collection(InProcessTool.OneAtATime)]
public sealed class DifferencingImagesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bh").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("vpc")]
    [InlineData("vhdx")]
    [InlineData("vdi")]
    public void An_image_shows_its_parents_where_it_holds_nothing(string format)
    {
        MakeChain(format);

        Io(Over(format, "c", "p"), "read -P 1 0 1M", "read -P 2 1M 64k", "read -P 1 1088k 960k", "read -P 0 3M 7M");
        var options = format == "vdi"
            ? $"driver=vdi,file.filename=g,backing.driver=vdi,backing.file.filename=c,{Backing("backing.backing", "p")}"
            : $"driver={format},file.filename=g";
        Run($"convert --image-opts -O raw {options} g.raw");
        var content = File.ReadAllBytes(Path.Combine(_folder, "g.raw"));
        Assert.Equal(
            [1, 2, 1, 3, 1, 0],
            new[] { 0, 1 << 20, 1100 << 10, 2 << 20, (2 << 20) + (64 << 10), 3 << 20 }.Select(at => content[at]));
    }

    [SkippableTheory]
    [InlineData("vpc")]
    [InlineData("vhdx")]
    public void Seven_zip_reads_the_chain_as_we_do(string format)
    {
        Skip.IfNot(Has("7z"), "needs 7z");
        MakeChain(format);
        Run($"convert -f {format} -O raw g g.raw");

        Assert.Contains("Everything is Ok", Real("7z", "e", "-y", "-ox", $"-t{(format == "vpc" ? "vhd" : "vhdx")}", "g"));

        var extracted = Directory.GetFiles(Path.Combine(_folder, "x")).Single();
        Assert.True(File.ReadAllBytes(extracted).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(_folder, "g.raw"))));
    }

    [SkippableFact]
    public void Libvhdi_finds_the_parent_by_name_and_id()
    {
        Skip.IfNot(Has("vhdiinfo"), "needs vhdiinfo");
        MakeChain("vpc");
        var (parent, child) = (Real("vhdiinfo", "p"), Real("vhdiinfo", "c"));
        string Field(string of, string name) =>
            of.Split('\n').Single(line => line.Trim().StartsWith(name, StringComparison.Ordinal)).Split(':')[^1].Trim();
        Assert.Equal("Differential", Field(child, "Disk type"));
        Assert.Equal("p", Field(child, "Parent filename"));
        Assert.Equal(Field(parent, "Identifier"), Field(child, "Parent identifier"));
    }

    [Theory]
    [InlineData("vpc")]
    [InlineData("vhdx")]
    [InlineData("vdi")]
    public void A_longer_image_does_not_show_more_of_its_parent(string format)
    {
        MakeChain(format);
        var image = Over(format, "c", "p");

        Run($"resize --shrink --image-opts {image} 1536k");
        Run($"resize --image-opts {image} 9M");

        Io(image, "read -P 1 0 1M", "read -P 2 1M 64k", "read -P 0 1536k 7680k", "write -P 5 8M 512", "read -P 5 8M 512");
        Io(image, "read -P 1 1100k 400k", "read -P 0 2M 6M", "read -P 5 8M 512");
    }

    [Theory]
    [InlineData("vpc", "A fixed image can't have a backing file", "subformat=fixed")]
    [InlineData("vhdx", "A fixed image can't have a backing file", "subformat=fixed")]
    [InlineData("vdi", "A static image can't have a backing file", "static=on")]
    public void Images_that_hold_all_blocks_have_no_parent(string format, string text, string options)
    {
        MakeChain(format);
        Assert.Contains(text, Fail($"create -q -f {format} -o {options} -b p -F {format} x"));
        Run("create -q -f raw raw 1M");
        Assert.Contains($"backing_file must be a {format} image", Fail($"create -q -f {format} -b raw -F raw x"));
    }

    [Fact]
    public void A_parent_is_recorded_by_a_plain_path_only()
    {
        Run("create -q -f vpc -o force_size ./a:b 10M");
        Assert.Contains("no plain path", Fail("create -q -f vpc -u -b ./a:b -F vpc x 10M"));
    }

    private void MakeChain(string format)
    {
        Run($"create -q -f {format} {(format == "vpc" ? "-o force_size" : "")} p 10M");
        Io($"driver={format},file.filename=p", "write -P 1 0 3M");
        Run($"create -q -f {format} -b p -F {format} c");
        Io(Over(format, "c", "p"), "write -P 2 1M 64k");
        Run($"create -q -f {format} -b c -F {format} g");
        var grandchild = format == "vdi"
            ? $"driver=vdi,file.filename=g,backing.driver=vdi,backing.file.filename=c,{Backing("backing.backing", "p")}"
            : $"driver={format},file.filename=g";
        Io(grandchild, "write -P 3 2M 64k");
    }

    /// <summary>A VDI image does not say where its parent is.</summary>
    private static string Over(string format, string image, string parent) =>
        $"driver={format},file.filename={image}" + (format == "vdi" ? $",{Backing("backing", parent)}" : "");

    private static string Backing(string option, string name) => $"{option}.driver=vdi,{option}.file.filename={name}";

    private void Io(string image, params string[] commands)
    {
        var args = new List<string> { "--image-opts" };
        foreach (var command in commands)
            args.AddRange(["-c", command]);
        var result = InProcessTool.Run(_folder, "qemu-io", [.. args, image], "");
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
        Assert.DoesNotContain("failed", result.Output);
    }

    private void Run(string line)
    {
        var result = InProcessTool.Run(_folder, "qemu-img", Words(line), "");
        Assert.True(result.ExitCode == 0, $"{line}: {result.Error}");
    }

    private string Fail(string line)
    {
        var result = InProcessTool.Run(_folder, "qemu-img", Words(line), "");
        Assert.Equal(1, result.ExitCode);
        return result.Error;
    }

    private string Real(string program, params string[] args)
    {
        var start = new ProcessStartInfo(program, args) { WorkingDirectory = _folder, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        return process.StandardOutput.ReadToEnd();
    }

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static bool Has(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, program)));
}
