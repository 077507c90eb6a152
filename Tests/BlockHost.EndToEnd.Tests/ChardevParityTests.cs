// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>Character devices over QMP, command by command beside the installed qemu-storage-daemon.</summary>
public sealed class ChardevParityTests : IDisposable
{
    private static readonly string[] Commands =
    [
        Add("n", "null"),
        Add("n", "null"),
        Add("f", "file", """ "out": "x.log" """),
        Add("r", "ringbuf", """ "size": 16 """),
        Add("r2", "ringbuf", """ "size": 17 """),
        Add("m", "memory"),
        """{"execute": "ringbuf-write", "arguments": {"device": "r", "data": "hello world, all of it"}}""",
        """{"execute": "ringbuf-read", "arguments": {"device": "r", "size": 5}}""",
        """{"execute": "ringbuf-read", "arguments": {"device": "r", "size": 500}}""",
        """{"execute": "ringbuf-write", "arguments": {"device": "r", "data": "aGVsbG8=", "format": "base64"}}""",
        """{"execute": "ringbuf-read", "arguments": {"device": "r", "size": 5, "format": "base64"}}""",
        """{"execute": "ringbuf-read", "arguments": {"device": "r", "size": 0}}""",
        """{"execute": "ringbuf-read", "arguments": {"device": "n", "size": 5}}""",
        """{"execute": "ringbuf-write", "arguments": {"device": "x", "data": "a"}}""",
        """{"execute": "ringbuf-write", "arguments": {"device": "r", "data": "!!", "format": "base64"}}""",
        Add("s", "socket", """ "addr": {"type": "unix", "data": {"path": "s.sock"}}, "server": true, "wait": false """),
        Add("s2", "socket", """ "addr": {"type": "unix", "data": {"path": "nope.sock"}}, "server": false """),
        Add("u", "udp", """ "remote": {"type": "inet", "data": {"host": "127.0.0.1", "port": "9"}} """),
        Add("p", "pipe", """ "device": "nopipe" """),
        Add("t", "serial", """ "device": "/dev/nope" """),
        Add("b", "nosuch"),
        """{"execute": "chardev-send-break", "arguments": {"id": "n"}}""",
        """{"execute": "chardev-send-break", "arguments": {"id": "zz"}}""",
        """{"execute": "chardev-remove", "arguments": {"id": "zz"}}""",
        """{"execute": "chardev-remove", "arguments": {"id": "qmp"}}""",
        """{"execute": "chardev-change", "arguments": {"id": "zz", "backend": {"type": "null", "data": {}}}}""",
        """{"execute": "chardev-change", "arguments": {"id": "f", "backend": {"type": "null", "data": {}}}}""",
        """{"execute": "chardev-change", "arguments": {"id": "qmp", "backend": {"type": "null", "data": {}}}}""",
        """{"execute": "chardev-change", "arguments": {"id": "r", "backend": {"type": "file", "data": {"out": "/nope/x"}}}}""",
        """{"execute": "chardev-remove", "arguments": {"id": "f"}}""",
    ];

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public async Task Each_command_is_answered_as_QEMUs()
    {
        Programs.RequireQemu72();
        Programs.Require("qemu-storage-daemon");

        var theirs = await AnswersAsync("theirs", "qemu-storage-daemon");
        var ours = await AnswersAsync("ours", Programs.Ours("qemu-storage-daemon"));

        for (var i = 0; i < Commands.Length; i++)
            Assert.Equal($"{Commands[i]} {theirs[i]}", $"{Commands[i]} {ours[i]}");
        Assert.Equal(theirs[Commands.Length], ours[Commands.Length]);
    }

    /// <summary>The answers, and at last the devices there are.</summary>
    private async Task<List<string>> AnswersAsync(string name, string program)
    {
        var folder = Directory.CreateDirectory(_folder[name]).FullName;
        await using var daemon = await ServerProcess.StartAsync(
            Path.Combine(folder, "q"),
            folder,
            program,
            "--chardev", "socket,id=qmp,path=q,server=on,wait=off",
            "--monitor", "chardev=qmp");
        using var qmp = await QmpClient.ConnectAsync(Path.Combine(folder, "q"));
        var answers = new List<string>();
        foreach (var command in Commands)
            answers.Add(Compact(await qmp.SendAsync(command)));
        var devices = (await qmp.RunAsync("""{"execute": "query-chardev"}""")).EnumerateArray().Select(
            device => $"{device.GetProperty("label")} {device.GetProperty("filename")} {device.GetProperty("frontend-open")}");
        answers.Add(string.Join(", ", devices.Order(StringComparer.Ordinal)));
        return answers;
    }

    private static string Compact(JsonElement answer) => answer.TryGetProperty("error", out var error)
        ? $"{error.GetProperty("class")}: {error.GetProperty("desc")}"
        : JsonSerializer.Serialize(answer.GetProperty("return"));

    private static string Add(string id, string type, string data = "") =>
        $$"""{"execute": "chardev-add", "arguments": {"id": "{{id}}", "backend": {"type": "{{type}}", "data": { {{data}} } } } }""";
}
