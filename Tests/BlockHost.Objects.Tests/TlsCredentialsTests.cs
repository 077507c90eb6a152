// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using BlockHost.Core.Objects;
using BlockHost.Objects;
using BlockHost.Qmp;

namespace BlockHost.Core.Tests.Objects;

public sealed class TlsCredentialsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tls").FullName;
    private readonly UserObjects _objects = ObjectBed.Create();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Peers_of_the_same_authority_trust_each_other()
    {
        MakeFolder("a", new TestAuthority("one"));

        await HandshakeAsync(await Credentials("a", "server"), await Credentials("a", "client"));
    }

    [Fact]
    public async Task A_client_of_another_authority_is_turned_away()
    {
        MakeFolder("a", new TestAuthority("one"));
        MakeFolder("b", new TestAuthority("two"));

        await Assert.ThrowsAnyAsync<Exception>(
            async () =>
                await HandshakeAsync(await Credentials("a", "server"), await Credentials("b", "client", verifyPeer: false)));
    }

    [Fact]
    public async Task A_server_that_does_not_verify_takes_a_client_without_a_certificate()
    {
        MakeFolder("a", new TestAuthority("one"));
        File.Delete(Path.Combine(_folder, "a", "client-cert.pem"));

        await HandshakeAsync(await Credentials("a", "server", verifyPeer: false), await Credentials("a", "client"));
    }

    [Fact]
    public async Task A_client_refuses_a_server_of_another_name()
    {
        MakeFolder("a", new TestAuthority("one"));

        await Assert.ThrowsAsync<AuthenticationException>(async () =>
            await HandshakeAsync(await Credentials("a", "server"), await Credentials("a", "client"), hostName: "elsewhere"));
    }

    [Fact]
    public async Task A_revoked_client_is_turned_away()
    {
        var authority = new TestAuthority("one");
        MakeFolder("a", authority);
        authority.Revoke(Path.Combine(_folder, "a"), "client-cert.pem");

        await Assert.ThrowsAnyAsync<Exception>(
            async () => await HandshakeAsync(await Credentials("a", "server"), await Credentials("a", "client")));
    }

    [Fact]
    public async Task An_expired_certificate_is_named()
    {
        MakeFolder("a", new TestAuthority("one"), expires: DateTimeOffset.Now.AddDays(-1));

        var error = await Assert.ThrowsAsync<QmpException>(() => Credentials("a", "server"));

        Assert.Equal($"The server certificate {_folder}/a/server-cert.pem has expired", error.Message);
    }

    [Fact]
    public async Task A_missing_key_is_named()
    {
        MakeFolder("a", new TestAuthority("one"));
        File.Delete(Path.Combine(_folder, "a", "server-key.pem"));

        var error = await Assert.ThrowsAsync<QmpException>(() => Credentials("a", "server"));

        Assert.Equal($"Unable to access credentials {_folder}/a/server-key.pem: No such file or directory", error.Message);
    }

    [Fact]
    public async Task A_key_with_a_password_is_opened_by_the_secret_that_passwordid_names()
    {
        MakeFolder("a", new TestAuthority("one"));
        Encrypt("a/server-key.pem", "open sesame");
        await _objects.AddAsync("""{"qom-type":"secret","id":"right","data":"open sesame"}""");

        await HandshakeAsync(await Credentials("a", "server", password: "right"), await Credentials("a", "client"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("wrong")]
    public async Task A_key_with_another_password_or_without_one_is_named(string? password)
    {
        MakeFolder("a", new TestAuthority("one"));
        Encrypt("a/server-key.pem", "open sesame");
        await _objects.AddAsync("""{"qom-type":"secret","id":"wrong","data":"open barley"}""");

        var error = await Assert.ThrowsAsync<QmpException>(() => Credentials("a", "server", password: password));

        Assert.StartsWith($"Unable to import certificate {_folder}/a/server-cert.pem: ", error.Message);
    }

    private void Encrypt(string path, string password)
    {
        path = Path.Combine(_folder, path);
        using var key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(path));
        var strength = new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000);
        File.WriteAllText(path, key.ExportEncryptedPkcs8PrivateKeyPem(password, strength));
    }

    private static async Task HandshakeAsync(ITlsCredentials server, ITlsCredentials client, string hostName = "localhost")
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var outgoing = new TcpClient();
        await outgoing.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        using var incoming = await listener.AcceptTcpClientAsync();
        await using var serverStream = new SslStream(incoming.GetStream());
        await using var clientStream = new SslStream(outgoing.GetStream());

        var accept = Task.Run(async () =>
        {
            try
            {
                await serverStream.AuthenticateAsServerAsync(server.CreateServerOptions());
                await serverStream.WriteAsync("ok"u8.ToArray());
            }
            catch
            {
                incoming.Close();
                throw;
            }
        });
        try
        {
            await clientStream.AuthenticateAsClientAsync(client.CreateClientOptions(hostName));
            await clientStream.ReadExactlyAsync(new byte[2]);
        }
        finally
        {
            outgoing.Close();
            await accept.ContinueWith(_ => { }, TaskScheduler.Default);
        }

        await accept;
    }

    private async Task<ITlsCredentials> Credentials(
        string folder, string endpoint, bool verifyPeer = true, string? password = null)
    {
        var id = $"{folder}-{endpoint}-{verifyPeer}";
        var options = new JsonObject
        {
            ["qom-type"] = "tls-creds-x509",
            ["id"] = id,
            ["dir"] = $"{_folder}/{folder}",
            ["endpoint"] = endpoint,
            ["verify-peer"] = verifyPeer,
        };
        if (password is not null)
            options["passwordid"] = password;
        await _objects.AddAsync(options.ToJsonString());
        Assert.True(_objects.TryGet<ITlsCredentials>(id, out var credentials));
        return credentials;
    }

    private void MakeFolder(string name, TestAuthority authority, DateTimeOffset? expires = null) =>
        authority.MakeFolder(Path.Combine(_folder, name), expires: expires);
}
