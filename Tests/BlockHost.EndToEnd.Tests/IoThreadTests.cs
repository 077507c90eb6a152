// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>iothread objects over the monitor; texts are those of QEMU 7.2's system emulator.</summary>
public sealed class IoThreadTests
{
    [Fact]
    public async Task An_iothread_is_a_thread_of_the_daemon_until_its_last_user_is_gone()
    {
        using var folder = new Folder();
        await using var daemon = await ServeAsync(folder);
        using var qmp = await QmpClient.ConnectAsync(folder["qmp.sock"]);
        var info = Assert.Single((await qmp.RunAsync("""{"execute": "query-iothreads"}""")).EnumerateArray());
        Assert.Equal(
            ("t0", 5L, 0L),
            (info.GetProperty("id").GetString(), info.GetProperty("poll-max-ns").GetInt64(), info.GetProperty("aio-max-batch")
                .GetInt64()));
        var name = $"/proc/{daemon.Id}/task/{info.GetProperty("thread-id").GetInt64()}/comm";
        Assert.Equal("IO t0", await NameAsync(name, "IO t0"));

        await qmp.RunAsync(
            $$$"""{"execute": "nbd-server-start", "arguments": {"addr": {"type": "unix", "data": {"path": "{{{folder["nbd"]}}}" } } } }""");
        await qmp.RunAsync(
            """{"execute": "block-export-add", "arguments": {"type": "nbd", "id": "e", "node-name": "n0", "iothread": "t0"}}""");
        await qmp.RunAsync("""{"execute": "object-del", "arguments": {"id": "t0"}}""");
        Assert.Empty((await qmp.RunAsync("""{"execute": "query-iothreads"}""")).EnumerateArray());
        Assert.Equal("IO t0", await NameAsync(name, "IO t0"));

        await qmp.RunAsync("""{"execute": "block-export-del", "arguments": {"id": "e"}}""");
        Assert.NotEqual("IO t0", await NameAsync(name, "blockhost-rest"));
    }

    [Theory]
    [InlineData("""{"node-name": "nope", "iothread": "t0"}""", "Failed to find node with node-name='nope'")]
    [InlineData("""{"node-name": "n0", "iothread": "nope"}""", "Cannot find iothread nope")]
    [InlineData("""{"node-name": "n0", "iothread": "s0"}""", "Cannot find iothread s0")]
    [InlineData("""{"node-name": "n0", "iothread": 5}""", "Invalid parameter type for 'iothread', expected: StrOrNull")]
    [InlineData("""{"node-name": "n0", "iothread": null}""", null)]
    [InlineData("""{"node-name": "n0", "iothread": "t0", "force": true}""", null)]
    public async Task A_node_can_be_given_a_thread_for_its_users(string arguments, string? error)
    {
        using var folder = new Folder();
        await using var daemon = await ServeAsync(folder, "--object", "secret,id=s0,data=x");
        using var qmp = await QmpClient.ConnectAsync(folder["qmp.sock"]);

        var answer = await qmp.SendAsync($$"""{"execute": "x-blockdev-set-iothread", "arguments": {{arguments}} }""");

        Assert.Equal(error, answer.TryGetProperty("error", out var refused) ? refused.GetProperty("desc").GetString() : null);
    }

    [Theory]
    [InlineData("iothread", "GenericError", "Parameter 'typename' expects a non-abstract device type")]
    [InlineData("nope", "DeviceNotFound", "Device 'nope' not found")]
    public async Task What_is_no_device_model_has_no_device_properties(string type, string @class, string text)
    {
        using var folder = new Folder();
        await using var daemon = await ServeAsync(folder);
        using var qmp = await QmpClient.ConnectAsync(folder["qmp.sock"]);

        var error = (await qmp.SendAsync(
            $$"""{"execute": "device-list-properties", "arguments": {"typename": "{{type}}"} }""")).GetProperty("error");

        Assert.Equal((@class, text), (error.GetProperty("class").GetString(), error.GetProperty("desc").GetString()));
    }

    /// <summary>A thread's name follows what it does a moment later.</summary>
    private static async Task<string> NameAsync(string path, string wanted)
    {
        var name = "";
        for (var tries = 0; tries < 500 && (name = File.ReadAllText(path).TrimEnd()) != wanted; tries++)
            await Task.Delay(10);
        return name;
    }

    private static Task<ServerProcess> ServeAsync(Folder folder, params string[] options) => ServerProcess.StartAsync(
        folder["qmp.sock"], folder.Path, Programs.Native,
        [
            "serve", "--object", "iothread,id=t0,poll-max-ns=5", "--blockdev", "null-co,node-name=n0,size=1M", .. options,
            "--chardev", $"socket,id=q,path={folder["qmp.sock"]},server=on,wait=off", "--monitor", "chardev=q",
        ]);
}
