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
        MakeFolder("a", new Authority("one"));

        await HandshakeAsync(await Credentials("a", "server"), await Credentials("a", "client"));
    }

    [Fact]
    public async Task A_client_of_another_authority_is_turned_away()
    {
        MakeFolder("a", new Authority("one"));
        MakeFolder("b", new Authority("two"));

        await Assert.ThrowsAnyAsync<Exception>(
            async () =>
                await HandshakeAsync(await Credentials("a", "server"), await Credentials("b", "client", verifyPeer: false)));
    }

    [Fact]
    public async Task A_server_that_does_not_verify_takes_a_client_without_a_certificate()
    {
        MakeFolder("a", new Authority("one"));
        File.Delete(Path.Combine(_folder, "a", "client-cert.pem"));

        await HandshakeAsync(await Credentials("a", "server", verifyPeer: false), await Credentials("a", "client"));
    }

    [Fact]
    public async Task A_client_refuses_a_server_of_another_name()
    {
        MakeFolder("a", new Authority("one"));

        await Assert.ThrowsAsync<AuthenticationException>(async () =>
            await HandshakeAsync(await Credentials("a", "server"), await Credentials("a", "client"), hostName: "elsewhere"));
    }

    [Fact]
    public async Task A_revoked_client_is_turned_away()
    {
        var authority = new Authority("one");
        MakeFolder("a", authority);
        authority.Revoke(Path.Combine(_folder, "a"), "client-cert.pem");

        await Assert.ThrowsAnyAsync<Exception>(
            async () => await HandshakeAsync(await Credentials("a", "server"), await Credentials("a", "client")));
    }

    [Fact]
    public async Task An_expired_certificate_is_named()
    {
        MakeFolder("a", new Authority("one"), expires: DateTimeOffset.Now.AddDays(-1));

        var error = await Assert.ThrowsAsync<QmpException>(() => Credentials("a", "server"));

        Assert.Equal($"The server certificate {_folder}/a/server-cert.pem has expired", error.Message);
    }

    [Fact]
    public async Task A_missing_key_is_named()
    {
        MakeFolder("a", new Authority("one"));
        File.Delete(Path.Combine(_folder, "a", "server-key.pem"));

        var error = await Assert.ThrowsAsync<QmpException>(() => Credentials("a", "server"));

        Assert.Equal($"Unable to access credentials {_folder}/a/server-key.pem: No such file or directory", error.Message);
    }

    [Fact]
    public async Task A_key_with_a_password_is_opened_by_the_secret_that_passwordid_names()
    {
        MakeFolder("a", new Authority("one"));
        Encrypt("a/server-key.pem", "open sesame");
        await _objects.AddAsync("""{"qom-type":"secret","id":"right","data":"open sesame"}""");

        await HandshakeAsync(await Credentials("a", "server", password: "right"), await Credentials("a", "client"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("wrong")]
    public async Task A_key_with_another_password_or_without_one_is_named(string? password)
    {
        MakeFolder("a", new Authority("one"));
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

    private void MakeFolder(string name, Authority authority, DateTimeOffset? expires = null)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        File.WriteAllText(Path.Combine(folder, "ca-cert.pem"), authority.Certificate.ExportCertificatePem());
        authority.Issue(folder, "server", expires ?? DateTimeOffset.Now.AddDays(1));
        authority.Issue(folder, "client", expires ?? DateTimeOffset.Now.AddDays(1));
    }

    private sealed class Authority
    {
        private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        public Authority(string name)
        {
            var request = new CertificateRequest($"CN={name}", _key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
            request.CertificateExtensions.Add(
                new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
            Certificate = request.CreateSelfSigned(DateTimeOffset.Now.AddDays(-5), DateTimeOffset.Now.AddDays(5));
        }

        public X509Certificate2 Certificate { get; }

        public void Issue(string folder, string name, DateTimeOffset expires)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName("localhost");
            request.CertificateExtensions.Add(names.Build());
            using var certificate = request.Create(
                Certificate, DateTimeOffset.Now.AddDays(-4), expires, RandomNumberGenerator.GetBytes(8));
            File.WriteAllText(Path.Combine(folder, $"{name}-cert.pem"), certificate.ExportCertificatePem());
            File.WriteAllText(Path.Combine(folder, $"{name}-key.pem"), key.ExportPkcs8PrivateKeyPem());
        }

        public void Revoke(string folder, string certificateFile)
        {
            var builder = new CertificateRevocationListBuilder();
            builder.AddEntry(X509CertificateLoader.LoadCertificateFromFile(Path.Combine(folder, certificateFile)));
            var list = builder.Build(Certificate, 1, DateTimeOffset.Now.AddDays(1), HashAlgorithmName.SHA256);
            File.WriteAllText(Path.Combine(folder, "ca-crl.pem"), PemEncoding.WriteString("X509 CRL", list));
        }
    }
}
