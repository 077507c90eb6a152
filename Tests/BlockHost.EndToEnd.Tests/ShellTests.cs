// SPDX-License-Identifier: MIT
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>blockhost shell: the monitor for people of a daemon, ours or QEMU's.</summary>
public sealed class ShellTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Lines_of_a_pipe_are_answered_without_prompt_and_escapes()
    {
        await using var daemon = await ServerProcess.StartAsync(
            _folder["q"], _folder.Path, Programs.Native,
            "serve", "--chardev", "socket,id=qmp,path=q,server=on,wait=off", "--monitor", "chardev=qmp");

        var run = CommandRunner.RunIn(
            _folder.Path, "bash", "-c", $"printf 'info status\\n\\nnosuch\\nexit\\nquit\\n' | {Programs.Native} shell --qmp q");

        Assert.Equal("VM status: running\nunknown command: 'nosuch'\n", run.Output);
        Assert.Equal(0, run.ExitCode);
    }

    [Fact]
    public async Task Words_of_the_command_line_are_one_line_and_json_goes_as_it_is()
    {
        await using var daemon = await ServerProcess.StartAsync(
            _folder["q"], _folder.Path, Programs.Native,
            "serve", "--chardev", "socket,id=qmp,path=q,server=on,wait=off", "--monitor", "chardev=qmp");

        var status = CommandRunner.RunIn(_folder.Path, Programs.Native, "shell", "--qmp", "q", "info", "status");
        var json = CommandRunner.RunIn(
            _folder.Path, Programs.Native, "shell", "--qmp", "q", """{"execute": "query-status"}""");
        var wrong = CommandRunner.RunIn(_folder.Path, Programs.Native, "shell", "--qmp", "q", """{"execute": "nosuch"}""");

        var half = CommandRunner.RunIn(_folder.Path, Programs.Native, "shell", "--qmp", "q", """{"execute": """);
        var odd = CommandRunner.RunIn(
            _folder.Path, Programs.Native, "shell", "--qmp", "q", """{"execute": "query-status", "arguments": 5}""");

        Assert.Equal("VM status: running\n", status.Output);
        Assert.Contains("\"status\": \"running\"", json.Output, StringComparison.Ordinal);
        Assert.StartsWith("Error: this is no JSON: ", half.Output, StringComparison.Ordinal);
        Assert.Equal("Error: QMP input member 'arguments' must be an object\n", odd.Output);
        Assert.Equal("Error: The command nosuch has not been found\n", wrong.Output);
        Assert.Equal(1, wrong.ExitCode);
    }

    /// <summary>QEMU prints what a request finds on its own standard output.</summary>
    [Fact]
    public async Task Requests_by_hand_are_answered_as_by_qemu_io()
    {
        await File.WriteAllBytesAsync(_folder["a.img"], new byte[1 << 20]);
        await using var daemon = await ServerProcess.StartAsync(
            _folder["q"], _folder.Path, Programs.Native,
            "serve", "--blockdev", "driver=file,node-name=disk,filename=a.img",
            "--chardev", "socket,id=qmp,path=q,server=on,wait=off", "--monitor", "chardev=qmp");
        string[] lines =
        [
            "length", "write -q -P 7 512 512", "read -q -P 7 512 512", "read -v 510 2", "read -q -P 8 512 512", "quit", "abort", "close",
        ];
        await File.WriteAllLinesAsync(_folder["lines"], lines.Select(line => $"qemu-io disk \"{line}\""));

        var run = CommandRunner.RunIn(_folder.Path, "bash", "-c", $"{Programs.Native} shell --qmp q < lines | grep -v ops");

        Assert.Equal(
            """
            1 MiB
            000001fe:  00 00  ..
            read 2/2 bytes at offset 510
            Pattern verification failed at offset 512, 512 bytes
            command "quit" not found
            command "abort" not found
            command "close" not found

            """.ReplaceLineEndings("\n"),
            run.Output);
        Assert.Equal(7, (await File.ReadAllBytesAsync(_folder["a.img"]))[1023]);
    }

    [SkippableFact]
    public async Task It_talks_to_QEMU_too()
    {
        Programs.Require("qemu-system-x86_64");
        await using var daemon = await ServerProcess.StartAsync(
            _folder["q"], _folder.Path, "qemu-system-x86_64",
            "-machine", "none", "-nodefaults", "-display", "none", "-qmp", "unix:q,server=on,wait=off");

        var run = CommandRunner.RunIn(_folder.Path, Programs.Native, "shell", "--qmp", "q", "info", "status");

        Assert.Equal("VM status: running\n", run.Output);
    }
}
