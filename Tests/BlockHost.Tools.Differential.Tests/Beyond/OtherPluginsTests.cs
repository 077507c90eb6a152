// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Core.Plugins;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Tools.Differential.Tests.Beyond;

/// <summary>
/// A program with its plugins linked in does what it can itself, and leaves to the program that loads plugins just what
/// asks for a plugin that is not linked in.
/// </summary>
[Collection(InProcessTool.OneAtATime)]
public sealed class OtherPluginsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bh").FullName;

    public OtherPluginsTests()
    {
        File.WriteAllBytes(Path.Combine(_folder, "a.raw"), new byte[1024 * 1024]);
        File.WriteAllText(Path.Combine(_folder, "a.other"), "OTHER".PadRight(1024));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("qemu-img", "info a.raw")]
    [InlineData("qemu-img", "create -f qcow2 b.qcow2 1M")]
    [InlineData("qemu-img", "convert -p -O qcow2 a.raw b.qcow2")]
    [InlineData("qemu-io", "-f raw -c length a.raw")]
    public void What_needs_no_other_plugin_stays(string name, string line)
    {
        var (result, other) = Run(name, line);

        Assert.Equal((0, null), (result.ExitCode, other));
    }

    [Theory]
    [InlineData("qemu-img", "create -f other b 1M")]
    [InlineData("qemu-img", "info -f other a.raw")]
    [InlineData("qemu-img", "info a.other")]
    [InlineData("qemu-img", "info other://x")]
    [InlineData("qemu-img", "create -q -f qcow2 -b a.other -F other b.qcow2")]
    [InlineData("qemu-img", "convert --progress=json -f raw -O other a.raw b")]
    [InlineData("qemu-img", "convert --progress=json -O qcow2 a.other b.qcow2")]
    [InlineData("qemu-io", "-f other a.raw")]
    public void What_asks_for_another_plugin_starts_over_with_nothing_changed(string name, string line)
    {
        var (result, other) = Run(name, line);

        Assert.Equal("test.other", other);
        Assert.Equal("", result.Output);
        Assert.DoesNotContain("finished", result.Error, StringComparison.Ordinal);
        Assert.Equal(["a.other", "a.raw"], Directory.GetFiles(_folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_shell_that_has_done_something_does_not_start_over()
    {
        var (result, other) = Run("qemu-io", "-c|open -o driver=raw a.raw|-c|close|-c|open -o driver=other a.raw", '|');

        Assert.Null(other);
        Assert.Equal(1, result.ExitCode);
        Assert.Equal(
            "qemu-io: Plugin 'test.other' is not linked into this program, and it is too late to start over: use 'blockhost io'\n",
            result.Error);
    }

    [Fact]
    public void Other_plugins_are_listed_and_their_formats_named()
    {
        Assert.Contains("test.other", Run("blockhost plugin", "list").Result.Output, StringComparison.Ordinal);
        Assert.Contains(" other ", Run("qemu-img", "--help").Result.Output, StringComparison.Ordinal);
    }

    private (ToolResult Result, string? Other) Run(string name, string line, char between = ' ')
    {
        var hosts = new HostsWithAnother();
        return (InProcessTool.Run(_folder, name, line.Split(between), "", hosts), hosts.Other);
    }

    /// <summary>Every plugin linked in, and one beside that is not.</summary>
    private sealed class HostsWithAnother : IHostFactory
    {
        private const string Manifest =
            """
            {
              "id": "test.other", "version": "1.0", "assembly": "Other.dll", "contract": { "min": "1.0", "max": "2.0" },
              "sha256": "0000000000000000000000000000000000000000000000000000000000000000",
              "provides": { "drivers": ["other"] }, "probes": [{ "driver": "other", "magic": "4F54484552" }],
              "fileNamePrefixes": { "other": "other" }
            }
            """;

        /// <summary>The plugin for which the tool started over.</summary>
        public string? Other { get; private set; }

        public ValueTask<RunningHost> StartAsync(HostOptions options, CancellationToken cancellationToken)
        {
            var manifest = ManifestFile.Parse(Encoding.UTF8.GetBytes(Manifest), AppContext.BaseDirectory);
            var loader = new LinkedPluginLoader(
                LinkedPlugins.All(), AppContext.BaseDirectory, [new(manifest.Id, "/test.other.json", manifest, null)]);
            var host = HostComposition.Build(loader, PluginSelection.Everything, startInline: true, options.Log, decorate: null);
            host.Plugins.Discover();
            return new(host);
        }

        public void StartOver(NotLinkedInException reason)
        {
            Other = reason.PluginId;
            throw new ToolException("");
        }
    }
}
