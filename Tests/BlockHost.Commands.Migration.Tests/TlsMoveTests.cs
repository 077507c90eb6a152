// SPDX-License-Identifier: MIT
using System.Net.Sockets;

namespace BlockHost.Commands.Migration.Tests;

/// <summary>A machine goes to another host over TLS, or says why it does not.</summary>
public sealed class TlsMoveTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bh").FullName;
    private MigrationHost _source = null!;
    private MigrationHost _destination = null!;

    public async Task InitializeAsync()
    {
        new TestAuthority("one").MakeFolder($"{_folder}/one", "CN=client,O=\"Some, Company\"");
        new TestAuthority("two").MakeFolder($"{_folder}/two");
        _source = await MigrationHost.StartAsync();
        _destination = await MigrationHost.StartAsync(waitsForState: true);
        foreach (var folder in (string[])["one", "two"])
        {
            await AddCredentialsAsync(_source, folder, "client");
            await AddCredentialsAsync(_destination, folder, "server");
        }
    }

    public async Task DisposeAsync()
    {
        await _source.DisposeAsync();
        await _destination.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("tcp:localhost:0", "")]
    [InlineData("tcp:127.0.0.1:0", "")]
    [InlineData("unix:SOCKET", "localhost")]
    public async Task It_goes_there(string uri, string hostName)
    {
        var device = new FixtureDevice { State = "ring at 7" };
        var arrived = new FixtureDevice();
        using var here = _source.Host.Machine.AddDevice("disk0", device);
        using var there = _destination.Host.Machine.AddDevice("disk0", arrived);
        await SetAsync(_source, "one-client", hostName);
        await SetAsync(_destination, "one-server");

        await StartAsync(uri);

        Assert.Equal("completed", await _source.WaitAsync("completed", "failed"));
        Assert.Equal("completed", await _destination.WaitAsync("completed", "failed"));
        Assert.Equal("ring at 7", arrived.State);
    }

    [Theory]
    [InlineData("none", "", "No TLS credentials with id 'none'")]
    [InlineData("secret", "", "Object with id 'secret' is not TLS credentials")]
    [InlineData("one-server", "", "Expected TLS credentials for a client endpoint")]
    [InlineData("one-client", "elsewhere", "Certificate does not match the hostname elsewhere")]
    [InlineData("two-client", "", "The certificate hasn't got a known issuer")]
    public async Task The_source_says_what_is_wrong_and_goes_on(string credentials, string hostName, string reason)
    {
        await _source.RunAsync("object-add", """{"qom-type":"secret","id":"secret","data":"x"}""");
        await AddCredentialsAsync(_source, "one", "server");
        await SetAsync(_source, credentials, hostName);
        await SetAsync(_destination, "one-server");

        await StartAsync("tcp:localhost:0");

        await _source.WaitAsync("failed");
        Assert.Equal(reason, (string?)(await _source.RunAsync("query-migrate"))["error-desc"]);
        Assert.Equal("running", await _source.RunStateAsync());
        await _destination.WaitAsync("failed");
    }

    [Fact]
    public async Task Without_a_name_of_the_other_side_its_certificate_says_nothing()
    {
        await SetAsync(_source, "one-client");
        await SetAsync(_destination, "one-server");

        await StartAsync("unix:SOCKET");

        await _source.WaitAsync("failed");
        Assert.Equal(
            "No hostname for certificate validation", (string?)(await _source.RunAsync("query-migrate"))["error-desc"]);
    }

    [Theory]
    [InlineData(@"O=Some\\, Company,CN=client", "completed")]
    [InlineData("CN=client", "failed")]
    public async Task Only_who_is_allowed_to_may_come(string identity, string outcome)
    {
        await _destination.RunAsync("object-add", $$"""{"qom-type":"authz-simple","id":"who","identity":"{{identity}}"}""");
        await SetAsync(_source, "one-client");
        await SetAsync(_destination, "one-server");
        await _destination.RunAsync("migrate-set-parameters", """{"tls-authz":"who"}""");

        await StartAsync("tcp:localhost:0");

        Assert.Equal(outcome, await _destination.WaitAsync("completed", "failed"));
        if (outcome == "failed")
            Assert.Equal(
                @"TLS x509 authz check for O=Some\, Company,CN=client is denied",
                (string?)(await _destination.RunAsync("query-migrate"))["error-desc"]);
    }

    [Theory]
    [InlineData("one-client", "")]
    [InlineData("", "one-server")]
    public async Task It_does_not_go_in_the_clear_where_one_side_wants_TLS(string client, string server)
    {
        await SetAsync(_source, client);
        await SetAsync(_destination, server);

        await StartAsync("tcp:localhost:0");

        Assert.Equal("failed", await _destination.WaitAsync("completed", "failed"));
        Assert.Equal("failed", await _source.WaitAsync("completed", "failed"));
        Assert.Equal("running", await _source.RunStateAsync());
    }

    [Fact]
    public async Task What_has_no_socket_takes_none()
    {
        await SetAsync(_source, "one-client");

        await _source.RunAsync("migrate", $$"""{"uri":"file:{{_folder}}/state"}""");

        await _source.WaitAsync("failed");
        Assert.Equal(
            "Migration over TLS takes a socket: commands and files have none",
            (string?)(await _source.RunAsync("query-migrate"))["error-desc"]);
    }

    [Fact]
    public async Task A_yank_ends_a_handshake_that_the_other_side_does_not_take_part_in()
    {
        await SetAsync(_destination, "one-server");
        await _destination.RunAsync("migrate-incoming", $$"""{"uri":"unix:{{_folder}}/s"}""");
        using var silent = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await silent.ConnectAsync(new UnixDomainSocketEndPoint($"{_folder}/s"));

        await _destination.RunAsync("yank", """{"instances":[{"type":"migration"}]}""");

        await _destination.WaitAsync("failed");
    }

    private Task AddCredentialsAsync(MigrationHost host, string folder, string endpoint) => host.RunAsync(
        "object-add",
        $$"""{"qom-type":"tls-creds-x509","id":"{{folder}}-{{endpoint}}","dir":"{{_folder}}/{{folder}}","endpoint":"{{endpoint}}"}""");

    private static Task SetAsync(MigrationHost host, string credentials, string hostName = "") => host.RunAsync(
        "migrate-set-parameters", $$"""{"tls-creds":"{{credentials}}","tls-hostname":"{{hostName}}"}""");

    private async Task StartAsync(string uri)
    {
        uri = uri.Replace("SOCKET", $"{_folder}/s", StringComparison.Ordinal);
        await _destination.RunAsync("migrate-incoming", $$"""{"uri":"{{uri}}"}""");
        if (uri.StartsWith("tcp:", StringComparison.Ordinal))
            uri = uri[..^1] + (string)(await _destination.RunAsync("query-migrate"))["socket-address"]![0]!["port"]!;
        await _source.RunAsync("migrate", $$"""{"uri":"{{uri}}"}""");
    }
}
