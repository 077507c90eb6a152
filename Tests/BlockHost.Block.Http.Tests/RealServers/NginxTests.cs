// SPDX-License-Identifier: MIT
using BlockHost.Block.Http.Tests.Fakes;

namespace BlockHost.Block.Http.Tests.RealServers;

/// <summary>Disks on nginx.</summary>
public sealed class NginxTests(WebProgram server) : IClassFixture<WebProgram>
{
    private readonly byte[] _content = Client.Noise((4 << 20) + 300);

    [SkippableFact]
    public async Task All_of_a_disk()
    {
        await PutAsync("disk");
        await using var node = await Client.OpenAsync($"{server.Url}/disk");

        Assert.Equal(_content, (await node.ReadAsync(0, (int)node.Profile.Length))[.._content.Length]);
    }

    [SkippableFact]
    public async Task Behind_a_redirect()
    {
        await PutAsync("disk");
        await using var node = await Client.OpenAsync($"{server.Url}/away");

        Assert.Equal(_content[5000..9000], await node.ReadAsync(5000, 4000));
    }

    [SkippableFact]
    public async Task For_who_knows_the_password()
    {
        await PutAsync("disk");
        var options = """{"username": "me", "password-secret": "s"}""";
        await using var node = await Client.OpenAsync($"{server.Url}/private/disk", options, Client.With("s", "hidden"));

        Assert.Equal(_content[..512], await node.ReadAsync(0, 512));
        Assert.Equal(
            "CURL: Error opening file: The requested URL returned error: 401",
            await Client.OpenErrorAsync($"{server.Url}/private/disk", options, Client.With("s", "guess")));
    }

    [SkippableFact]
    public async Task Without_ranges_there_is_no_disk()
    {
        await PutAsync("disk");

        Assert.Equal(
            "CURL: Error opening file: Server does not support 'range' (byte ranges).",
            await Client.OpenErrorAsync($"{server.Url}/whole/disk"));
    }

    [SkippableFact]
    public async Task Over_TLS_only_with_a_certificate_that_is_good_or_not_looked_at()
    {
        await PutAsync("disk");
        var url = $"{server.TlsUrl}/disk";
        await using var node = await Client.OpenAsync(url, """{"sslverify": false}""");

        Assert.Equal(_content[..70000], await node.ReadAsync(0, 70000));
        Assert.Equal("CURL: Error opening file: server certificate verification failed", await Client.OpenErrorAsync(url));
    }

    [SkippableFact]
    public async Task A_file_that_is_replaced_is_an_error_and_never_a_mix()
    {
        await PutAsync("mixed");
        await using var node = await Client.OpenAsync($"{server.Url}/mixed", """{"readahead": 0}""");
        Assert.Equal(_content[..512], await node.ReadAsync(0, 512));

        await File.WriteAllBytesAsync(Path.Combine(server["www"], "new"), Client.Noise(_content.Length + 1)[1..]);
        File.SetLastWriteTimeUtc(Path.Combine(server["www"], "new"), DateTime.UtcNow.AddHours(-1));
        File.Move(Path.Combine(server["www"], "new"), Path.Combine(server["www"], "mixed"), overwrite: true);

        Assert.Equal("The object on the server is not the one that was opened", (await node.ReadErrorAsync(512)).Message);
    }

    private Task PutAsync(string name)
    {
        Skip.IfNot(WebProgram.IsInstalled, "nginx is not installed");
        return File.Exists(Path.Combine(server["www"], name))
            ? Task.CompletedTask
            : File.WriteAllBytesAsync(Path.Combine(server["www"], name), _content);
    }
}
