// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>Migration beside, to and from the installed qemu-system-x86_64 with no machine in it.</summary>
public sealed class MigrationParityTests : IDisposable
{
    private static readonly string[] Commands =
    [
        Plain("query-migrate"), Plain("query-migrate-capabilities"), Plain("query-migrate-parameters"),
        Plain("migrate_cancel"), Plain("migrate-pause"),
        With("migrate-recover", """{"uri": "tcp:127.0.0.1:1"}"""),
        With("migrate-continue", """{"state": "pre-switchover"}"""),
        With("migrate-incoming", """{"uri": "tcp:127.0.0.1:1"}"""),
        With("migrate", """{"uri": "foo:bar"}"""), Plain("query-migrate"),
        With("migrate", """{"uri": "tcp:127.0.0.1"}"""),
        With("migrate", """{"uri": "fd:nope"}"""),
        With("migrate", """{"uri": "tcp:127.0.0.1:1", "resume": true}"""),
        Capability("zero-copy-send"), Capability("postcopy-preempt"), Capability("nope"), Capability("auto-converge"),
        Plain("query-migrate-capabilities"),
        Parameter("max-bandwidth", "12345"), Parameter("downtime-limit", "2000001"), Parameter("compress-level", "10"),
        Parameter("compress-threads", "0"), Parameter("decompress-threads", "0"), Parameter("multifd-channels", "0"),
        Parameter("max-cpu-throttle", "100"), Parameter("cpu-throttle-initial", "0"), Parameter("cpu-throttle-increment", "100"),
        Parameter("throttle-trigger-threshold", "0"), Parameter("xbzrle-cache-size", "1"), Parameter("xbzrle-cache-size", "5000"),
        Parameter("announce-initial", "100001"), Parameter("announce-max", "100001"), Parameter("announce-rounds", "1001"),
        Parameter("announce-step", "0"), Parameter("multifd-compression", "\"zstd\""), Parameter("x-checkpoint-delay", "5"),
        Parameter("foo", "1"),
        Mapping("""{"node-name": "d", "alias": "x", "bitmaps": [{"name": "b", "alias": "a"}, {"name": "b", "alias": "c"}]}"""),
        Mapping("""{"node-name": "d", "alias": "x", "bitmaps": [{"name": "b", "alias": "a"}, {"name": "c", "alias": "a"}]}"""),
        Mapping("""{"node-name": "d", "alias": "x", "bitmaps": []}, {"node-name": "d", "alias": "y", "bitmaps": []}"""),
        Mapping("""{"node-name": "d", "alias": "x", "bitmaps": []}, {"node-name": "e", "alias": "x", "bitmaps": []}"""),
        Mapping("""{"node-name": "d", "alias": "", "bitmaps": []}"""),
        Mapping("""{"node-name": "d", "alias": "x", "bitmaps": [{"name": "b", "alias": "a", "transform": {"persistent": true}}]}"""),
        Plain("query-migrate-parameters"),
        Human("info migrate_capabilities"), Human("info migrate_parameters"), Human("help migrate"), Human("help migrate_cancel"),
        Human("help migrate_incoming"), Human("help migrate_set_capability"), Human("help migrate_set_parameter"),
        Human("help migrate_continue"), Human("help migrate_pause"), Human("help migrate_recover"),
        Human("migrate_set_capability foo on"), Human("migrate_set_capability events maybe"),
        Human("migrate_set_parameter foo 1"), Human("migrate_set_parameter max-bandwidth 10x"),
        Human("migrate_set_parameter max-bandwidth 1G"), Human("migrate_set_parameter max-bandwidth 5"),
        Human("migrate_set_parameter announce-max 5000000000"), Human("migrate_set_parameter block-bitmap-mapping 1"),
        Human("migrate_set_parameter multifd-compression zlib"), Human("migrate_set_parameter cpu-throttle-tailslow on"),
        Human("info migrate_parameters"), Human("migrate -x tcp:"), Human("migrate foo:1"), Human("migrate_incoming exec:true"),
        Human("migrate_continue device"), Human("info migrate_foo"),
    ];

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public async Task What_is_set_asked_and_refused_is_QEMUs()
    {
        Programs.RequireQemu72();
        Programs.Require("qemu-system-x86_64");
        await using var theirs = await QemuAsync("theirs");
        await using var ours = await OursAsync("ours");
        using var them = await QmpClient.ConnectAsync(_folder["theirs"]);
        using var us = await QmpClient.ConnectAsync(_folder["ours"]);
        var differences = new List<string>();
        foreach (var command in Commands)
        {
            var (theirAnswer, ourAnswer) = (Sorted(await them.SendAsync(command)), Sorted(await us.SendAsync(command)));
            if (theirAnswer != ourAnswer)
                differences.Add($"{command}\ntheirs: {theirAnswer}\nours:   {ourAnswer}");
        }

        Assert.True(differences.Count == 0, string.Join('\n', differences));
    }

    [SkippableTheory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public async Task Bitmaps_go_to_a_QEMU_and_come_from_one(bool toQemu, bool overTls)
    {
        Programs.RequireQemu72();
        Programs.Require("qemu-system-x86_64");
        foreach (var disk in (string[])["a.qcow2", "b.qcow2"])
            CommandRunner.Check(_folder.Path, "qemu-img", ["create", "-q", "-f", "qcow2", disk, "64M"]);
        await using var source = toQemu ? await OursAsync("s", Disk("a")) : await QemuAsync("s", Disk("a"));
        await using var destination = toQemu
            ? await QemuAsync("d", [.. Disk("b"), "-incoming", "defer"])
            : await OursAsync("d", [.. Disk("b"), "--incoming", "defer"]);
        using var here = await QmpClient.ConnectAsync(_folder["s"]);
        using var there = await QmpClient.ConnectAsync(_folder["d"]);
        foreach (var bitmap in (string[])["lasting", "passing", "resting"])
            await here.RunAsync(With("block-dirty-bitmap-add", new JsonObject
            {
                ["node"] = "disk",
                ["name"] = bitmap,
                ["persistent"] = bitmap == "lasting",
                ["disabled"] = bitmap == "resting",
                ["granularity"] = bitmap == "passing" ? 512 : 65536,
            }.ToJsonString()));
        await here.RunAsync(Human("qemu-io disk \"write -q 1M 200k\""));
        await here.RunAsync(Human("qemu-io disk \"write -q 63M 64k\""));
        foreach (var side in (QmpClient[])[here, there])
            await side.RunAsync(Capability("dirty-bitmaps"));
        if (overTls)
        {
            new TestAuthority("one").MakeFolder(_folder["tls"]);
            await SecureAsync(here, "client");
            await SecureAsync(there, "server");
        }

        var expected = await BitmapsAsync(here);
        await there.RunAsync(With("migrate-incoming", $$"""{"uri": "unix:{{_folder["m"]}}"}"""));
        await here.RunAsync(With("migrate", $$"""{"uri": "unix:{{_folder["m"]}}"}"""));
        await CompletedAsync(here);
        await CompletedAsync(there);

        Assert.Equal(expected, await BitmapsAsync(there));
        Assert.Equal("running", (await there.RunAsync(Plain("query-status"))).GetProperty("status").GetString());
    }

    private async Task SecureAsync(QmpClient qmp, string endpoint)
    {
        await qmp.RunAsync(With("object-add", new JsonObject
        {
            ["qom-type"] = "tls-creds-x509",
            ["id"] = "tls",
            ["dir"] = _folder["tls"],
            ["endpoint"] = endpoint,
        }.ToJsonString()));
        await qmp.RunAsync(Parameter("tls-creds", "\"tls\""));
        if (endpoint == "client")
            await qmp.RunAsync(Parameter("tls-hostname", "\"localhost\""));
    }

    private static async Task CompletedAsync(QmpClient qmp)
    {
        for (var tries = 0; ; tries++)
        {
            var info = await qmp.RunAsync(Plain("query-migrate"));
            var status = info.TryGetProperty("status", out var told) ? told.GetString() : "none";
            if (status == "completed")
                return;
            Assert.True(status != "failed" && tries < 3000, $"{info}");
            await Task.Delay(10);
        }
    }

    private static async Task<string> BitmapsAsync(QmpClient qmp)
    {
        var nodes = await qmp.RunAsync(With("query-named-block-nodes", """{"flat": true}"""));
        var disk = nodes.EnumerateArray().Single(node => node.GetProperty("node-name").GetString() == "disk");
        return string.Join(
            '\n', disk.GetProperty("dirty-bitmaps").EnumerateArray().Select(bitmap => Sorted(bitmap)).Order(StringComparer.Ordinal));
    }

    private static string[] Disk(string name) =>
        [OptionOfBlockdev, $"driver=qcow2,node-name=disk,file.driver=file,file.filename={name}.qcow2"];

    private const string OptionOfBlockdev = "--blockdev";

    private Task<ServerProcess> QemuAsync(string name, params string[] more) => ServerProcess.StartAsync(
        _folder[name],
        _folder.Path,
        "qemu-system-x86_64",
        ["-machine", "none", "-nodefaults", "-display", "none", .. more, "-qmp", $"unix:{_folder[name]},server=on,wait=off"]);

    private Task<ServerProcess> OursAsync(string name, params string[] more) => ServerProcess.StartAsync(
        _folder[name],
        _folder.Path,
        Programs.Blockhost,
        ["serve", .. more, "--chardev", $"socket,id=qmp,path={_folder[name]},server=on,wait=off", "--monitor", "chardev=qmp"]);

    private static string Plain(string command) => $$"""{"execute": "{{command}}"}""";

    private static string With(string command, string arguments) =>
        $$"""{"execute": "{{command}}", "arguments": {{arguments}} }""";

    private static string Capability(string name) => With(
        "migrate-set-capabilities", $$"""{"capabilities": [{"capability": "{{name}}", "state": true}]}""");

    private static string Parameter(string name, string value) => With("migrate-set-parameters", $$"""{"{{name}}": {{value}} }""");

    private static string Mapping(string nodes) => Parameter("block-bitmap-mapping", $"[{nodes}]");

    private static string Human(string line) => With(
        "human-monitor-command", new JsonObject { ["command-line"] = line }.ToJsonString());

    private static string Sorted(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => $"{{{string.Join(",", value.EnumerateObject().OrderBy(member => member.Name, StringComparer.Ordinal)
            .Select(member => $"{member.Name}:{Sorted(member.Value)}"))}}}",
        JsonValueKind.Array => $"[{string.Join(",", value.EnumerateArray().Select(Sorted))}]",
        _ => value.GetRawText(),
    };
}
