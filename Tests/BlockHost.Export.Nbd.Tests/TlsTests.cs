// SPDX-License-Identifier: MIT
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using BlockHost.Export.Nbd.Tests.Fakes;
using BlockHost.Nbd;
using BlockHost.Objects;
using BlockHost.Plugins.Export.Nbd.Protocol;
using BlockHost.Plugins.Export.Nbd.Server;
using Moq;

namespace BlockHost.Export.Nbd.Tests;

public sealed class TlsTests
{
    [Fact]
    public async Task Nothing_but_starttls_and_abort_is_taken_before_tls()
    {
        await using var disk = await ServedDisk.StartAsync(tls: Upgrade(_ => true));
        using var client = disk.Connect().Greet();

        var answer = client.Option(NbdOption.List)[^1];

        Assert.Equal((OptionReply.ErrTlsRequired, "Option 0x3 not permitted before TLS"), (answer.Type, answer.Text));
        Assert.Equal(OptionReply.ErrTlsRequired, client.OptionResult(NbdOption.Go, OptionData.Info("disk")));
        Assert.Equal(OptionReply.ErrTlsRequired, client.OptionResult(NbdOption.StructuredReply));
        client.SendOption(NbdOption.ExportName, [.. "disk"u8]);
        Assert.True(client.IsClosed());
    }

    [Fact]
    public async Task Through_tls_a_client_haggles_reads_and_writes()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(4 << 20), tls: Upgrade(_ => true));
        using var client = disk.Connect().Greet();
        await StartTlsAsync(client);
        var data = new byte[3 << 20];
        new Random(1).NextBytes(data);

        Assert.Equal(OptionReply.Ack, client.OptionResult(NbdOption.StructuredReply));
        Assert.Equal(OptionReply.ErrInvalid, client.OptionResult(NbdOption.StartTls));
        Assert.Equal(OptionReply.Ack, client.OptionResult(NbdOption.Go, OptionData.Info("disk")));
        Assert.Equal(NbdError.None, client.Simple(NbdCommand.Write, 100, (uint)data.Length, payload: data));
        Assert.Equal(data, client.ReadData(100, (uint)data.Length));
        client.SendRequest(NbdCommand.Disconnect);
        Assert.True(client.IsClosed());
    }

    [Fact]
    public async Task A_certificate_that_is_not_authorised_gets_no_further()
    {
        await using var disk = await ServedDisk.StartAsync(tls: Upgrade(_ => false));
        using var client = disk.Connect().Greet();
        await StartTlsAsync(client);

        Assert.True(client.IsClosed());
    }

    [Fact]
    public async Task Options_in_the_clear_behind_starttls_end_the_connection()
    {
        await using var disk = await ServedDisk.StartAsync(tls: Upgrade(_ => true));
        using var client = disk.Connect().Greet();

        var option = new byte[] { 0x49, 0x48, 0x41, 0x56, 0x45, 0x4f, 0x50, 0x54, 0, 0, 0, 5, 0, 0, 0, 0 };
        client.Send([.. option, .. option]);

        client.Read(20);
        Assert.True(client.IsClosed());
    }

    [Fact]
    public async Task A_client_that_leaves_in_the_middle_of_tls_is_forgotten()
    {
        await using var disk = await ServedDisk.StartAsync(tls: Upgrade(_ => true));
        using (var client = disk.Connect().Greet())
            Assert.Equal(OptionReply.Ack, client.OptionResult(NbdOption.StartTls));

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (disk.Server.ClientCount > 0)
            await Task.Delay(2, limit.Token);
    }

    private static async Task StartTlsAsync(RawClient client)
    {
        Assert.Equal(OptionReply.Ack, client.OptionResult(NbdOption.StartTls));
        var tls = new SslStream(client.Stream);
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            RemoteCertificateValidationCallback = (_, _, _, _) => true,
        });
        client.Stream = tls;
    }

    private static TlsUpgrade Upgrade(Func<string, bool> isAllowed)
    {
        var certificate = TestAuthority.SelfSigned("CN=localhost");
        var credentials = new Mock<ITlsCredentials>();
        credentials.Setup(c => c.CreateServerOptions())
            .Returns(() => new SslServerAuthenticationOptions { ServerCertificate = certificate });
        return new TlsUpgrade(credentials.Object, isAllowed, TimeProvider.System);
    }
}
