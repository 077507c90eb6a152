// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace BlockHost.Block.Ssh.Tests.RealServers;

/// <summary>"host-key-check": with whom one talks is known before anything is said.</summary>
public sealed class HostKeyTests
{
    [SkippableTheory]
    [InlineData("md5")]
    [InlineData("sha1")]
    [InlineData("sha256")]
    public async Task A_key_with_the_right_hash_is_taken_and_another_is_named(string type)
    {
        await using var server = await StartAsync();
        var hash = Digits(server, type);

        await (await Client.OpenAsync(server.Options("disk", Check(type, hash)))).DisposeAsync();
        await (await Client.OpenAsync(server.Options("disk", Check(type, hash.ToUpperInvariant())))).DisposeAsync();
        var error = await Client.OpenErrorAsync(server.Options("disk", Check(type, "00:11")));

        Assert.Equal(
            $"remote host ssh-ed25519 key fingerprint '{type}:{hash}' does not match host_key_check '{type}:0011'", error);
    }

    [SkippableTheory]
    [InlineData("")]
    [InlineData("$(touch /tmp/x)")]
    [InlineData("aa\" ]; then echo")]
    [InlineData("aa\n")]
    public async Task A_hash_is_nothing_but_hexadecimal_digits(string hash)
    {
        await using var server = await StartAsync();

        var error = await Client.OpenErrorAsync(server.Options("disk", Check("md5", $"{JsonEncodedText.Encode(hash)}")));

        Assert.Equal("Parameter 'host-key-check.hash' expects hexadecimal digits", error);
    }

    [SkippableFact]
    public async Task A_host_that_is_not_known_is_refused_unless_no_check_is_wanted()
    {
        await using var server = await StartAsync();
        File.WriteAllText(server["known_hosts"], "");

        Assert.Equal("no host key was found in known_hosts", await Client.OpenErrorAsync(server.Options("disk")));
        await (await Client.OpenAsync(server.Options("disk", """{"host-key-check": {"mode": "none"}}"""))).DisposeAsync();
        Assert.Equal("", File.ReadAllText(server["known_hosts"]));
    }

    [SkippableFact]
    public async Task A_host_with_another_key_than_the_known_one_is_refused()
    {
        await using var server = await StartAsync();
        File.WriteAllText(server["known_hosts"], $"[127.0.0.1]:{server.Port} {File.ReadAllText(server["user.pub"])}");

        Assert.Equal("host key does not match the one in known_hosts", await Client.OpenErrorAsync(server.Options("disk")));
    }

    [SkippableFact]
    public async Task Who_may_not_log_in_is_told_so()
    {
        await using var server = await StartAsync();
        File.WriteAllText(server["user.pub"], File.ReadAllText(server["host.pub"]));

        Assert.Equal(
            "failed to authenticate using publickey authentication and the identities held by your ssh-agent",
            await Client.OpenErrorAsync(server.Options("disk")));
    }

    private static async Task<SshServer> StartAsync()
    {
        var server = await SshServer.StartAsync();
        await File.WriteAllBytesAsync(server["disk"], new byte[512]);
        return server;
    }

    private static string Check(string type, string hash) =>
        $$"""{"host-key-check": {"mode": "hash", "type": "{{type}}", "hash": "{{hash}}" } }""";

    private static string Digits(SshServer server, string type)
    {
        var key = Convert.FromBase64String(File.ReadAllText(server["host.pub"]).Split(' ')[1]);
        return Convert.ToHexStringLower(type switch
        {
            "md5" => System.Security.Cryptography.MD5.HashData(key),
            "sha1" => System.Security.Cryptography.SHA1.HashData(key),
            _ => System.Security.Cryptography.SHA256.HashData(key),
        });
    }
}
