// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Iscsi.Tests.RealServers;

/// <summary>Logging in with passwords, both ways.</summary>
public sealed class ChapTests : IAsyncLifetime
{
    private const string Refused =
        "iSCSI: Failed to connect to LUN : Failed to log in to target. Status: Authentication failure(513)";

    private TgtServer _server = null!;

    public async Task InitializeAsync()
    {
        if (!TgtServer.IsInstalled)
            return;
        _server = await TgtServer.StartAsync();
        _server.AddDisk(1, 1 << 20);
        _server.Keep("account", "new", "--user", "me", "--password", "hidden-own-12");
        _server.Keep("account", "new", "--user", "it", "--password", "hidden-target-12");
        _server.Keep("account", "bind", "--user", "me");
        _server.Keep("account", "bind", "--user", "it", "--outgoing");
    }

    public async Task DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
    }

    [SkippableTheory]
    [InlineData("""{"user":"me","password-secret":"own"}""", null)]
    [InlineData("""{"user":"me","password":"hidden-own-12"}""", null)]
    [InlineData("""{"user":"me","password-secret":"other"}""", Refused)]
    [InlineData("""{"user":"other","password-secret":"own"}""", Refused)]
    [InlineData("{}", Refused)]
    public async Task This_side_logs_in(string login, string? error) => await TryAsync(login, error);

    [SkippableTheory]
    [InlineData("it", "target", null)]
    [InlineData("it", "other", "Authentication failed. Invalid CHAP_R response from the target")]
    [InlineData("else", "target", "Authentication failed. Invalid CHAP_R response from the target")]
    public async Task The_target_logs_in_too(string user, string secret, string? error) =>
        await TryAsync(
            $$"""
            {"user":"me","password-secret":"own",
             "x-blockhost-target-user":"{{user}}","x-blockhost-target-password-secret":"{{secret}}"}
            """,
            error is null ? null : $"iSCSI: Failed to connect to LUN : {error}");

    private async Task TryAsync(string login, string? error)
    {
        Skip.If(_server is null, "tgt is not installed");
        var host = Client.With("own", "hidden-own-12", "target", "hidden-target-12", "other", "hidden-other-12");
        if (error is null)
        {
            await using var node = await Client.OpenAsync(_server.Options(1, login), host);
            Assert.Equal(new byte[512], await node.ReadAsync(0, 512));
            return;
        }

        var thrown = await Assert.ThrowsAsync<BlockException>(() => Client.OpenAsync(_server.Options(1, login), host));
        Assert.Equal(error, thrown.Message);
        Assert.DoesNotContain("hidden", thrown.ToString());
    }
}
