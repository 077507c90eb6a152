// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Tools.Differential.Tests.Beyond;

/// <summary>--progress=json, which QEMU has not.</summary>
[Collection(InProcessTool.OneAtATime)]
public sealed class ProgressTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bh").FullName;

    public ProgressTests()
    {
        using var file = File.Create(Path.Combine(_folder, "a.raw"));
        file.Write([1]);
        file.SetLength(1024 * 1024);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("convert", "convert -f raw -O qcow2 --progress=json a.raw b.qcow2")]
    [InlineData("compare", "compare --progress=json -f raw -F raw a.raw a.raw")]
    [InlineData("dd", "dd --progress=json -f raw if=a.raw of=c.raw bs=64k")]
    public void Tells_on_standard_error_how_far_a_command_is(string command, string line)
    {
        var result = Run(line);

        var lines = result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(text => JsonDocument.Parse(text).RootElement).ToList();
        Assert.Equal(0, result.ExitCode);
        Assert.All(lines, progress => Assert.Equal(command, progress.GetProperty("command").GetString()));
        Assert.Equal(0, lines[0].GetProperty("percent").GetDouble());
        Assert.Equal(100, lines[^1].GetProperty("percent").GetDouble());
        Assert.True(lines[^1].GetProperty("finished").GetBoolean());
    }

    [Fact]
    public void Tells_that_a_command_did_not_finish()
    {
        var result = Run("convert --progress=json -O qcow2 nope b.qcow2");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("\"finished\": false", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Does_not_get_in_the_way_of_abbreviations()
    {
        var result = Run("resize -f raw --pre=off --progress=json a.raw 2M");

        Assert.Equal(0, result.ExitCode);
    }

    private ToolResult Run(string line) => InProcessTool.Run(_folder, "qemu-img", line.Split(' '), "");
}
