// SPDX-License-Identifier: MIT
using BlockHost.Tools.Shell;

namespace BlockHost.Tools.Differential.Tests.Beyond;

/// <summary>blockhost shell on a terminal: lines are edited, completed, and brought back.</summary>
public sealed class LineEditorTests
{
    private const ConsoleKey Left = ConsoleKey.LeftArrow;

    private readonly StringWriter _screen = new();

    [Fact]
    public async Task What_is_typed_is_the_line() => Assert.Equal(["info block"], await TypeAsync("info block", Enter));

    [Fact]
    public async Task Letters_go_in_and_out_where_the_cursor_is() => Assert.Equal(
        ["help", "stop", "cont"],
        await TypeAsync(
            "hlp", Key(Left), Key(Left), "e", Enter,
            "stopx", Key(ConsoleKey.Backspace), Enter,
            "xcont", Key(ConsoleKey.Home), Key(ConsoleKey.Delete), Enter));

    [Fact]
    public async Task Either_side_of_the_cursor_can_be_cut_off() => Assert.Equal(
        ["info", "block"],
        await TypeAsync(
            "info block", Key(Left), Key(Left), Key(Left), Key(Left), Key(Left), Key(Left), Control(ConsoleKey.K), Enter,
            "info block", Key(Left), Key(Left), Key(Left), Key(Left), Key(Left), Control(ConsoleKey.U), Enter));

    [Fact]
    public async Task Earlier_lines_come_back() => Assert.Equal(
        ["stop", "cont", "stop", "cont"],
        await TypeAsync(
            "stop", Enter, "cont", Enter,
            Key(ConsoleKey.UpArrow), Key(ConsoleKey.UpArrow), Key(ConsoleKey.UpArrow), Enter,
            Key(ConsoleKey.UpArrow), Key(ConsoleKey.UpArrow), Enter));

    [Fact]
    public async Task Tab_completes_commands_queries_and_nodes() => Assert.Equal(
        ["info block-jobs ", "block_resize disk0 "],
        await TypeAsync("inf", Tab, "block-", Tab, Enter, "block_r", Tab, "d", Tab, Enter));

    [Fact]
    public async Task What_fits_is_listed_where_it_cannot_be_told()
    {
        Assert.Equal(["block_job_"], await TypeAsync("bl", Tab, "j", Tab, Tab, Enter));
        Assert.Contains("\nblock_job_cancel  block_job_pause\n", _screen.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ctrl_D_ends_an_empty_line_only() => Assert.Equal(
        ["bc", null], await TypeAsync("abc", Key(ConsoleKey.Home), Control(ConsoleKey.D), Enter, Control(ConsoleKey.D)));

    private static ConsoleKeyInfo Enter { get; } = Key(ConsoleKey.Enter);

    private static ConsoleKeyInfo Tab { get; } = Key(ConsoleKey.Tab);

    private static ConsoleKeyInfo Key(ConsoleKey key) => new('\0', key, shift: false, alt: false, control: false);

    private static ConsoleKeyInfo Control(ConsoleKey key) => new('\0', key, shift: false, alt: false, control: true);

    /// <summary>Keys and texts, until all are typed.</summary>
    private async Task<List<string?>> TypeAsync(params object[] typed)
    {
        var keys = new Queue<ConsoleKeyInfo>(typed.SelectMany(one => one is string text
            ? text.Select(letter => new ConsoleKeyInfo(letter, ConsoleKey.None, shift: false, alt: false, control: false))
            : [(ConsoleKeyInfo)one]));
        var completion = new Completion(
            ["block_job_cancel", "block_job_pause", "block_resize", "info", "stop"],
            ["block", "block-jobs"],
            _ => Task.FromResult<IReadOnlyList<string>>(["disk0", "image"]));
        var editor = new LineEditor(_screen, "> ", completion, keys.Dequeue);
        var lines = new List<string?>();
        while (keys.Count > 0)
            lines.Add(await editor.ReadAsync(CancellationToken.None));
        return lines;
    }
}
