// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Tools.Differential.Tests.Beyond;

/// <summary>What the tools tell beyond QEMU's, under blockhost's names only.</summary>
[Collection(InProcessTool.OneAtATime)]
public sealed class OwnNamesTests
{
    private const int Width = 80;

    [Theory]
    [InlineData(
        "blockhost",
        "pluging",
        "blockhost: 'pluging' is not a subcommand\nDid you mean 'plugin'?\nTry 'blockhost --help' for more information\n")]
    [InlineData(
        "blockhost",
        "--versoin",
        "blockhost: unrecognized option '--versoin'\nDid you mean '--version'?\nTry 'blockhost --help' for more information\n")]
    [InlineData(
        "blockhost img",
        "inof a",
        "blockhost img: Command not found: inof\nDid you mean 'info'?\nTry 'blockhost img --help' for more information\n")]
    [InlineData(
        "blockhost img",
        "info --ouput=json a",
        "blockhost img: unrecognized option '--ouput=json'\nDid you mean '--output'?\nTry 'blockhost img --help' for more information\n")]
    [InlineData(
        "blockhost img", "xyzzy", "blockhost img: Command not found: xyzzy\nTry 'blockhost img --help' for more information\n")]
    [InlineData(
        "blockhost io",
        "--formt raw",
        "blockhost io: unrecognized option '--formt'\nDid you mean '--format'?\nTry 'blockhost io --help' for more information\n")]
    [InlineData(
        "blockhost nbd",
        "--sokcet a",
        "blockhost nbd: unrecognized option '--sokcet'\nDid you mean '--socket'?\nblockhost nbd: Try `blockhost nbd --help' for more information.\n")]
    [InlineData(
        "blockhost serve",
        "--blokdev a",
        "blockhost serve: unrecognized option '--blokdev'\nDid you mean '--blockdev'?\nTry 'blockhost serve --help' for more information\n")]
    [InlineData(
        "blockhost serve",
        "export",
        "blockhost serve: export: Unexpected argument\nDid you mean '--export'?\nTry 'blockhost serve --help' for more information\n")]
    [InlineData(
        "blockhost plugin",
        "lst",
        "blockhost plugin: 'lst' is no command\nDid you mean 'list'?\nTry 'blockhost plugin --help' for more information\n")]
    [InlineData(
        "blockhost plugin",
        "info block.qkow2",
        "blockhost plugin: There is no plugin 'block.qkow2'; 'plugin list' lists them\nDid you mean 'block.qcow2'?\nTry 'blockhost plugin --help' for more information\n")]
    [InlineData(
        "blockhost serve",
        "--blockdev qcw2,help",
        "blockhost serve: There is no block driver 'qcw2'\nDid you mean 'qcow2'?\nTry 'blockhost serve --help' for more information\n")]
    public void An_unknown_word_gets_the_nearest_known_one_and_the_way_to_help(string name, string line, string error)
    {
        var result = Run(name, line);

        Assert.Equal((1, "", error), (result.ExitCode, result.Output, result.Error));
    }

    [Fact]
    public void An_unknown_command_of_the_io_shell_gets_the_nearest_one()
    {
        var result = InProcessTool.Run(Path.GetTempPath(), "blockhost io", ["-c", "raed 0 1"], "");

        Assert.Equal("command \"raed\" not found\nDid you mean 'read'?\nTry 'help' for a list\n", result.Error);
    }

    [Theory]
    [InlineData("qemu-img", "inof a", "qemu-img: Command not found: inof\nTry 'qemu-img --help' for more information\n")]
    [InlineData("qemu-storage-daemon", "--blokdev a", "qemu-storage-daemon: unrecognized option '--blokdev'\n")]
    [InlineData(
        "qemu-storage-daemon",
        "--blockdev help",
        "qemu-storage-daemon: --blockdev help: Help is not available for this option\n")]
    [InlineData(
        "qemu-storage-daemon",
        "--export nbd,help",
        "qemu-storage-daemon: --export nbd,help: Help is not available for this option\n")]
    public void Under_QEMUs_names_errors_are_QEMUs(string name, string line, string error)
    {
        var result = Run(name, line);

        Assert.Equal((1, "", error), (result.ExitCode, result.Output, result.Error));
    }

    [Theory]
    [InlineData("blockhost serve", "--blockdev help", "Block drivers:\n", "  qcow2\n")]
    [InlineData("blockhost serve", "--blockdev driver=qcow2,help", "qcow2 options:\n", "  lazy-refcounts=<bool>\n")]
    [InlineData("blockhost serve", "--blockdev file,?", "file options:\n", "  discard=<ignore|unmap>\n")]
    [InlineData("blockhost serve", "--export help", "Export types:\n", "  nbd\n")]
    [InlineData("blockhost serve", "--export nbd,help", "nbd options:\n", "  name=<string>\n")]
    [InlineData("blockhost serve", "--object help", "List of user creatable objects:\n", "  secret\n")]
    [InlineData("qemu-storage-daemon", "--object help", "List of user creatable objects:\n", "  iothread\n")]
    [InlineData("blockhost img", "info --object secret,help x", "secret options:\n", "  keyid=<string>\n")]
    public void Options_that_name_a_type_list_the_types_and_the_options_of_one(
        string name, string line, string heading, string entry)
    {
        var result = Run(name, line);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.StartsWith(heading, result.Output, StringComparison.Ordinal);
        Assert.Contains(entry, result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("amend")]
    [InlineData("bench")]
    [InlineData("bitmap")]
    [InlineData("check")]
    [InlineData("commit")]
    [InlineData("compare")]
    [InlineData("convert")]
    [InlineData("create")]
    [InlineData("dd")]
    [InlineData("info")]
    [InlineData("map")]
    [InlineData("measure")]
    [InlineData("rebase")]
    [InlineData("resize")]
    [InlineData("snapshot")]
    public void Each_command_on_images_has_a_help_of_its_own(string command)
    {
        var result = Run("blockhost img", $"{command} --help");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.StartsWith($"usage: blockhost img {command} ", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("Command syntax", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_help_of_a_command_explains_the_parameters_that_it_takes()
    {
        var check = Run("blockhost img", "check -h").Output;

        Assert.Contains("  -r leaks|all  check: ", check, StringComparison.Ordinal);
        Assert.Contains("  fmt           the image's format", check, StringComparison.Ordinal);
        Assert.DoesNotContain("convert:", check, StringComparison.Ordinal);
        Assert.DoesNotContain("  -p ", check, StringComparison.Ordinal);
    }

    [Fact]
    public void Plugins_are_listed_in_plain_lines_of_eighty_columns()
    {
        var result = Run("blockhost plugin", "list");

        var lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("PLUGIN ", lines[0], StringComparison.Ordinal);
        Assert.Contains(
            lines,
            line =>
                line.StartsWith("block.qcow2 ", StringComparison.Ordinal)
                    && line.EndsWith(" available    drivers qcow2", StringComparison.Ordinal));
        Assert.All(lines, line => Assert.InRange(line.Length, 1, Width));
        Assert.DoesNotContain('\u001b', result.Output);
    }

    [Fact]
    public void A_plugin_is_shown_with_every_name_it_provides()
    {
        var result = Run("blockhost plugin", "info commands.block");

        var names = result.Output.Split([' ', ',', '\n']).ToHashSet(StringComparer.Ordinal);
        Assert.Superset(
            new HashSet<string> { "blockdev-snapshot", "block-dirty-bitmap-add", "blockdev-add", "query-named-block-nodes" },
            names);
        // A path stands whole, however long it is.
        var lines = result.Output.Split('\n').Where(line => !line.StartsWith("Assembly ", StringComparison.Ordinal));
        Assert.All(lines, line => Assert.InRange(line.Length, 0, Width));
    }

    [Fact]
    public void Programs_get_plugins_as_JSON()
    {
        using var list = JsonDocument.Parse(Run("blockhost plugin", "list --json").Output);
        using var one = JsonDocument.Parse(Run("blockhost plugin", "info --json block.qcow2").Output);

        var qcow2 = list.RootElement.EnumerateArray().Single(plugin => plugin.GetProperty("id").GetString() == "block.qcow2");
        Assert.Equal("qcow2", qcow2.GetProperty("provides").GetProperty("drivers")[0].GetString());
        Assert.Equal(qcow2.GetRawText(), one.RootElement[0].GetRawText());
    }

    private static ToolResult Run(string name, string line) => InProcessTool.Run(Path.GetTempPath(), name, line.Split(' '), "");
}
