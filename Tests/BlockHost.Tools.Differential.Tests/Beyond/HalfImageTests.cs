// SPDX-License-Identifier: MIT
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Tools.Differential.Tests.Beyond;

/// <summary>A command that fails takes back the files that it made, and no others. QEMU leaves what it had begun.</summary>
[Collection(InProcessTool.OneAtATime)]
public sealed class HalfImageTests : IDisposable
{
    private const int MiB = 1024 * 1024;

    private readonly string _folder = Directory.CreateTempSubdirectory("bh").FullName;

    public HalfImageTests()
    {
        File.WriteAllBytes(Path.Combine(_folder, "s.raw"), [.. Enumerable.Repeat((byte)5, MiB)]);
        Assert.Equal(0, Run("create -q -f qcow2 b.qcow2 1M").ExitCode);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> Failures =>
    [
        "convert --bitmaps -O qcow2 -o compat=0.10 b.qcow2 x.qcow2",
        "convert --bitmaps -O raw b.qcow2 x.qcow2",
        "convert -O qcow2 -B nope -F qcow2 b.qcow2 x.qcow2",
        "convert -O qcow2 -B s.raw -F qcow2 b.qcow2 x.qcow2",
        "convert -f raw -c -O qcow2 -o data_file=d.raw s.raw x.qcow2",
        "convert -f raw -O qcow2 -o cluster_size=3 s.raw x.qcow2",
        "convert -f raw -O qcow2 -o data_file=/nonexistent/d s.raw x.qcow2",
        "create -f qcow2 -o cluster_size=3 x.qcow2 1M",
    ];

    [Theory]
    [MemberData(nameof(Failures))]
    public void A_failure_leaves_no_file_that_was_not_there(string line)
    {
        var before = Files();

        Assert.Equal(1, Run(line).ExitCode);

        Assert.Equal(before, Files());
    }

    [Theory]
    [MemberData(nameof(Failures))]
    public void A_failure_deletes_no_file_that_was_there(string line)
    {
        File.WriteAllText(Path.Combine(_folder, "x.qcow2"), "mine");
        File.WriteAllText(Path.Combine(_folder, "d.raw"), "mine");
        var before = Files();

        Assert.Equal(1, Run(line).ExitCode);

        Assert.Equal(before, Files());
    }

    [Fact]
    public void A_refusal_before_anything_is_made_leaves_the_target_as_it_was()
    {
        File.WriteAllText(Path.Combine(_folder, "x.qcow2"), "mine");

        Assert.Equal(1, Run("convert -f raw -c -O qcow2 -o preallocation=metadata s.raw x.qcow2").ExitCode);

        Assert.Equal("mine", File.ReadAllText(Path.Combine(_folder, "x.qcow2")));
    }

    [Fact]
    public void A_link_stays_when_what_it_leads_to_is_taken_back()
    {
        File.CreateSymbolicLink(Path.Combine(_folder, "x.qcow2"), "y.qcow2");

        Assert.Equal(1, Run("convert -O qcow2 -B nope -F qcow2 b.qcow2 x.qcow2").ExitCode);

        Assert.Equal(["b.qcow2", "s.raw", "x.qcow2"], Files());
    }

    [Fact]
    public void A_target_that_is_promised_to_be_zero_stays_untouched_when_a_backing_file_is_named()
    {
        Run("create -q -f qcow2 -b b.qcow2 -F qcow2 t.qcow2");
        var before = File.ReadAllBytes(Path.Combine(_folder, "t.qcow2"));

        var result = Run("convert -f raw -n --target-is-zero -B b.qcow2 -O qcow2 s.raw t.qcow2");

        Assert.Equal(
            (1, "qemu-img: Cannot use --target-is-zero when the destination image has a backing file\n"),
            (result.ExitCode, result.Error));
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(_folder, "t.qcow2")));
    }

    private ToolResult Run(string line) => InProcessTool.Run(_folder, "qemu-img", line.Split(' '), "");

    private string[] Files() =>
        [.. new DirectoryInfo(_folder).EnumerateFileSystemInfos().Select(file => file.Name).Order(StringComparer.Ordinal)];
}
