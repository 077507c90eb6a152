// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>yank: kinds of instances that the host has never heard of, and a daemon in which all else hangs.</summary>
public sealed class YankTests : IDisposable
{
    private const string QueryYank = """{"exec-oob": "query-yank"}""";

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_third_partys_instances_are_listed_described_and_yanked()
    {
        await using var daemon = await StartAsync();
        using var qmp = await ConnectAsync();
        await qmp.RunAsync(Open("a", 1));
        await qmp.RunAsync(Open("a", 2));

        Assert.Equal(
            """[{"type":"fixture-tunnel","gateway":"a","port":1},{"type":"fixture-tunnel","gateway":"a","port":2}]""",
            $"[{string.Join(',', (await TunnelsAsync(qmp)).Select(tunnel => JsonSerializer.Serialize(tunnel)))}]");
        Assert.Equal(("GenericError", "Parameter 'instances[0].port' is missing"), await ErrorAsync(qmp, """{"type": "fixture-tunnel", "gateway": "a"}"""));
        Assert.Equal(("DeviceNotFound", "Instance not found"), await ErrorAsync(qmp, Tunnel("a", 1), Tunnel("a", 3)));
        Assert.Equal(2, (await TunnelsAsync(qmp)).Count);

        await qmp.RunAsync(Yank(Tunnel("a", 1)));

        Assert.Equal(2, Assert.Single(await TunnelsAsync(qmp)).GetProperty("port").GetInt32());
        await qmp.RunAsync(Yank(Tunnel("a", 2)));
        Assert.Empty(await TunnelsAsync(qmp));
    }

    [Fact]
    public async Task The_schema_grows_with_the_plugin()
    {
        await using var daemon = await StartAsync();
        using var qmp = await ConnectAsync();

        var schema = (await qmp.RunAsync("""{"execute": "query-qmp-schema"}""")).EnumerateArray().ToList();

        var union = schema.Single(
            entry => entry.TryGetProperty("variants", out var variants)
                && variants.EnumerateArray().Any(variant => variant.GetProperty("case").GetString() == "fixture-tunnel"));
        Assert.Equal("type", union.GetProperty("tag").GetString());
        var branch = union.GetProperty("variants").EnumerateArray()
            .Single(variant => variant.GetProperty("case").GetString() == "fixture-tunnel").GetProperty("type").GetString();
        Assert.Equal(
            ["gateway", "port"],
            schema.Single(entry => entry.GetProperty("name").GetString() == branch).GetProperty("members").EnumerateArray()
                .Select(member => member.GetProperty("name").GetString()));
    }

    /// <summary>As long as no thread of the pool is free nothing else is answered; BLOCKHOST_YANK_ROUNDS rounds of it.</summary>
    [Fact]
    public async Task Out_of_band_commands_are_answered_while_no_thread_of_the_pool_is_free()
    {
        var rounds = SearchSize.Of("BLOCKHOST_YANK_ROUNDS", 20);
        await using var daemon = await StartAsync();
        using var qmp = await ConnectAsync();
        File.WriteAllText(_folder["hang"], "");
        await qmp.RunAsync(Open("a", 0));
        await qmp.RunAsync(Yank(Tunnel("a", 0)));
        for (var port = 1; port <= rounds; port++)
            await qmp.RunAsync(Open("a", port));
        await qmp.WriteAsync(
            $$"""{"execute": "fixture-hang-pool", "id": "in band", "arguments": {"threads": 8, "file": "{{_folder["hang"]}}"} }""");
        while (!File.Exists(_folder["hang.all"]))
            await Task.Delay(5);
        var times = new List<double>();

        for (var port = 1; port <= rounds; port++)
        {
            var began = TimeProvider.System.GetTimestamp();
            Assert.Equal("{}", (await qmp.RunAsync(Yank(Tunnel("a", port)))).GetRawText());
            times.Add(TimeProvider.System.GetElapsedTime(began).TotalMilliseconds);
        }

        Assert.Empty(await TunnelsAsync(qmp));
        File.Delete(_folder["hang"]);
        Assert.Equal("in band", (await qmp.ReadAsync()).GetProperty("id").GetString());
        times.Sort();
        await File.WriteAllTextAsync(
            Environment.GetEnvironmentVariable("BLOCKHOST_YANK_TIMES") ?? _folder["times"],
            $"median {times[rounds / 2]:0.00} ms, 99% {times[rounds * 99 / 100]:0.00} ms, longest {times[^1]:0.00} ms\n");
    }

    private static async Task<List<JsonElement>> TunnelsAsync(QmpClient qmp) =>
        [.. (await qmp.RunAsync(QueryYank)).EnumerateArray().Where(
            instance => instance.GetProperty("type").GetString() == "fixture-tunnel")];

    private static string Tunnel(string gateway, int port) =>
        $$"""{"type": "fixture-tunnel", "gateway": "{{gateway}}", "port": {{port}} }""";

    private static string Open(string gateway, int port) =>
        $$"""{"execute": "fixture-tunnel-open", "arguments": {"gateway": "{{gateway}}", "port": {{port}} } }""";

    private static string Yank(params string[] instances) =>
        $$"""{"exec-oob": "yank", "arguments": {"instances": [{{string.Join(", ", instances)}}] } }""";

    private static async Task<(string? Class, string? Text)> ErrorAsync(QmpClient qmp, params string[] instances)
    {
        var error = (await qmp.SendAsync(Yank(instances))).GetProperty("error");
        return (error.GetProperty("class").GetString(), error.GetProperty("desc").GetString());
    }

    private Task<ServerProcess> StartAsync()
    {
        var options = FixturePlugin.Install(_folder, "YankType", "fixture.yank", new JsonObject
        {
            ["yank"] = new JsonArray("fixture-tunnel"),
            ["commands"] = new JsonArray("fixture-tunnel-open", "fixture-hang-pool"),
        });
        return ServerProcess.StartAsync(
            _folder["qmp.sock"],
            _folder.Path,
            Programs.Blockhost,
            [
                "serve", .. options,
                "--chardev", $"socket,id=qmp,path={_folder["qmp.sock"]},server=on,wait=off", "--monitor", "chardev=qmp",
            ]);
    }

    private async Task<QmpClient> ConnectAsync()
    {
        var client = await QmpClient.OpenAsync(_folder["qmp.sock"]);
        await client.RunAsync("""{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}""");
        return client;
    }
}
