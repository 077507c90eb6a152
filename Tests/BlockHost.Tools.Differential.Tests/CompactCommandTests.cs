// SPDX-License-Identifier: MIT
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Tools.Differential.Tests;

/// <summary>"blockhost img compact", which QEMU has not.</summary>
[Collection(InProcessTool.OneAtATime)]
public sealed class CompactCommandTests : IDisposable
{
    private readonly Scratch _scratch = new(Directory.CreateTempSubdirectory("bh-compact").FullName);

    [Fact]
    public void It_takes_the_holes_out_and_keeps_the_content()
    {
        Run("qemu-img", "create", "-q", "-f", "qcow2", "a.qcow2", "8M");
        Run(
            "qemu-io", "-f", "qcow2", "-d", "unmap",
            "-c", "write -q -P 1 0 4M", "-c", "write -q -P 2 4M 2M", "-c", "discard -q 0 3M",
            "a.qcow2");
        var before = new FileInfo(_scratch["a.qcow2"]).Length;
        Run("qemu-img", "convert", "-O", "raw", "a.qcow2", "expected.raw");
        Assert.Equal("Image compacted: 3145728 bytes were moved.\n", Run("blockhost img", "compact", "a.qcow2"));
        Assert.Equal(before - (3 << 20), new FileInfo(_scratch["a.qcow2"]).Length);
        Run("qemu-img", "compare", "-q", "-f", "qcow2", "-F", "raw", "a.qcow2", "expected.raw");
        Run("qemu-img", "check", "-q", "a.qcow2");
        Assert.Equal("", Run("blockhost img", "compact", "-q", "-f", "qcow2", "a.qcow2"));
    }

    [Fact]
    public void Other_formats_are_refused()
    {
        Run("qemu-img", "create", "-q", "-f", "raw", "a.raw", "1M");
        var refusal = InProcessTool.Run(_scratch.Folder, "blockhost img", ["compact", "-f", "raw", "a.raw"], input: "");
        Assert.Equal(1, refusal.ExitCode);
        Assert.Contains("Images of format 'raw' cannot be compacted", refusal.Error, StringComparison.Ordinal);
    }

    public void Dispose() => _scratch.Dispose();

    private string Run(string program, params string[] args)
    {
        var result = InProcessTool.Run(_scratch.Folder, program, args, input: "");
        Assert.True(result.ExitCode == 0, $"{program} {string.Join(' ', args)}: {result}");
        return result.Output;
    }
}
