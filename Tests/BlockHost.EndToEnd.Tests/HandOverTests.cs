// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>Two daemons on the same images, one of which has them at a time: a disk of each format that can be written.</summary>
public sealed class HandOverTests : IDisposable
{
    private static readonly string[] Formats =
        ["raw", "qcow2", "qcow", "qed", "vdi", "vmdk", "vhdx", "vpc", "parallels", "luks"];

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public async Task Locks_and_what_was_flushed_go_from_one_to_the_other_and_back()
    {
        Programs.Require("qemu-io");
        await File.WriteAllTextAsync(_folder["key"], "open sesame");
        foreach (var format in Formats)
            Create(format);

        await using var one = await ServeAsync("one", active: true);
        await using var two = await ServeAsync("two", active: false);
        using var first = await QmpClient.ConnectAsync(_folder["one.qmp"]);
        using var second = await QmpClient.ConnectAsync(_folder["two.qmp"]);

        foreach (var format in Formats)
        {
            Io("one", format, "write -P 1 0 64k", "write -P 2 3M 1M");
            // Two exports of raw images share these, as QEMU's do.
            if (format != "raw")
                Assert.StartsWith("Failed to get", await RefusedAsync(second, format, active: true), StringComparison.Ordinal);
            await SetActiveAsync(first, format, active: false);
            Assert.Contains("Operation not permitted", Io("one", format, "write 0 64k"), StringComparison.Ordinal);
            await SetActiveAsync(second, format, active: true);
            Io("two", format, "read -P 1 0 64k", "read -P 2 3M 1M", "write -P 3 5M 1M", "write -P 4 0 4k");
        }

        await first.RunAsync("""{"execute": "blockdev-set-active", "arguments": {"active": false}}""");
        await second.RunAsync("""{"execute": "blockdev-set-active", "arguments": {"active": false}}""");
        await first.RunAsync("""{"execute": "blockdev-set-active", "arguments": {"active": true}}""");
        foreach (var format in Formats)
            Io("one", format, "read -P 4 0 4k", "read -P 1 4k 60k", "read -P 2 3M 1M", "read -P 3 5M 1M", "write -P 5 7M 64k");
        Assert.Equal(0, await one.TerminateAsync());
        Assert.Equal(0, await two.TerminateAsync());
        foreach (var format in Formats.Except(["raw", "vpc", "luks"]))
        {
            var check = CommandRunner.RunIn(_folder.Path, Programs.Ours("qemu-img"), "check", "-f", format, $"disk.{format}");
            Assert.True(check.ExitCode is 0 or 63, $"{format}: {check}");
        }
    }

    private static async Task<string> RefusedAsync(QmpClient qmp, string node, bool active)
    {
        var answer = await qmp.SendAsync(Set(node, active));
        return answer.GetProperty("error").GetProperty("desc").GetString()!;
    }

    private static Task SetActiveAsync(QmpClient qmp, string node, bool active) => qmp.RunAsync(Set(node, active));

    private static string Set(string node, bool active) =>
        $$"""{"execute": "blockdev-set-active", "arguments": {"node-name": "{{node}}", "active": {{(active ? "true" : "false")}} } }""";

    private void Create(string format)
    {
        string[] more = format == "luks"
            ? ["--object", "secret,id=key,file=key", "-o", "key-secret=key,iter-time=10"]
            : [];
        CommandRunner.Check(
            _folder.Path, Programs.Ours("qemu-img"), ["create", "-q", "-f", format, .. more, $"disk.{format}", "8M"]);
    }

    private Task<ServerProcess> ServeAsync(string name, bool active)
    {
        var disks = Formats.SelectMany(format => new[]
        {
            "--blockdev",
            JsonSerializer.Serialize(new Dictionary<string, object>
            {
                ["driver"] = format,
                ["node-name"] = format,
                ["active"] = active,
                ["file"] = new Dictionary<string, object> { ["driver"] = "file", ["filename"] = $"disk.{format}" },
            }.Concat(format == "luks" ? [new KeyValuePair<string, object>("key-secret", "key")] : []).ToDictionary()),
            "--export",
            $"type=nbd,id=e-{format},node-name={format},writable=on,allow-inactive=on",
        });
        return ServerProcess.StartAsync(
            _folder[$"{name}.qmp"],
            _folder.Path,
            Programs.Native,
            [
                "serve", "--object", "secret,id=key,file=key",
                "--nbd-server", $"addr.type=unix,addr.path={_folder[$"{name}.nbd"]}",
                .. disks,
                "--chardev", $"socket,id=qmp,path={_folder[$"{name}.qmp"]},server=on,wait=off", "--monitor", "chardev=qmp",
            ]);
    }

    /// <summary>What a guest of the daemon sees; patterns that are read have to be there.</summary>
    private string Io(string daemon, string disk, params string[] commands)
    {
        var uri = $"nbd+unix:///{disk}?socket={_folder[$"{daemon}.nbd"]}";
        var result = CommandRunner.RunIn(
            _folder.Path, "qemu-io", ["-f", "raw", .. commands.SelectMany(command => new[] { "-c", command }), uri]);
        Assert.DoesNotContain("Pattern verification failed", $"{result}", StringComparison.Ordinal);
        Assert.True(commands is ["write 0 64k"] || result.ExitCode == 0, $"{disk}: {result}");
        return $"{result}";
    }
}
