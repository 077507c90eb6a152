// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>The machine's run state, command by command beside the installed qemu-system-x86_64 with no machine in it.</summary>
public sealed class MachineParityTests : IDisposable
{
    private static readonly string[] Commands =
    [
        "query-status", "stop", "system_reset", "query-status", "cont", "cont", "query-status", "system_reset", "query-status",
        "stop", "stop", "query-status", "system_reset", "query-status", "cont", "stop", "cont", "query-status",
    ];

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task States_and_events_are_QEMUs(bool waitsForStart)
    {
        Programs.RequireQemu72();
        Programs.Require("qemu-system-x86_64");
        string[] more = waitsForStart ? ["-S"] : [];

        var theirs = await TalkAsync(
            "theirs",
            "qemu-system-x86_64",
            [
                "-machine", "none", "-nodefaults", "-display", "none", .. more,
                "-chardev", "socket,id=qmp,path=q,server=on,wait=off", "-mon", "chardev=qmp,mode=control",
            ]);
        var ours = await TalkAsync(
            "ours",
            Programs.Native,
            ["serve", .. more, "--chardev", "socket,id=qmp,path=q,server=on,wait=off", "--monitor", "chardev=qmp"]);

        Assert.Equal(theirs, ours);
    }

    /// <summary>Each command with its answer, and the events that came with it.</summary>
    private async Task<List<string>> TalkAsync(string name, string program, string[] arguments)
    {
        var folder = Directory.CreateDirectory(_folder[name]).FullName;
        await using var daemon = await ServerProcess.StartAsync(Path.Combine(folder, "q"), folder, program, arguments);
        using var qmp = await QmpClient.ConnectAsync(Path.Combine(folder, "q"));
        qmp.Events.Clear();
        var heard = new List<string>();
        foreach (var command in Commands)
        {
            var answer = await qmp.RunAsync($$"""{"execute": "{{command}}"}""");
            var status = answer.TryGetProperty("status", out var state) ? $"{state} {answer.GetProperty("running")}" : "done";
            var events = qmp.Events.Select(
                told => told.GetProperty("event").GetString()
                    + (told.TryGetProperty("data", out var data) ? JsonSerializer.Serialize(data) : ""));
            heard.Add($"{command}: {string.Join(' ', events)} {status}");
            qmp.Events.Clear();
        }

        return heard;
    }
}
