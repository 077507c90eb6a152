// SPDX-License-Identifier: MIT
using BlockHost.Block.Nbd.Tests.Fakes;
using BlockHost.Conformance.TestHost;
using BlockHost.Nbd;

namespace BlockHost.Block.Nbd.Tests.RealServers;

/// <summary>
/// Servers behind TLS, with the credentials that users give: both sides see each other's certificates, or nothing is said in the
/// clear.
/// </summary>
public sealed class ServerTlsTests(Certificates certificates) : IClassFixture<Certificates>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [SkippableTheory]
    [InlineData("nbdkit", false, ", \"tls-hostname\": \"localhost\"")]
    [InlineData("nbdkit", true, "")]
    [InlineData("qemu-nbd", false, ", \"tls-hostname\": \"localhost\"")]
    [InlineData("qemu-nbd", true, ", \"tls-hostname\": \"localhost\"")]
    public async Task Many_requests_at_once_go_through_tls(string program, bool tcp, string name)
    {
        const int size = 4 << 20;
        await using var server = await ServeAsync(program, tcp, demandsCertificate: true, size);
        await using var node = await OpenAsync(server, "client", name);
        var data = new byte[size];
        new Random(1).NextBytes(data);

        await Task.WhenAll(
            Enumerable.Range(0, 128).Select(i => node.WriteAsync(i << 15, data[(i << 15)..((i + 1) << 15)]).AsTask()));
        var reads = await Task.WhenAll(Enumerable.Range(0, 128).Select(i => node.ReadAsync(i << 15, 1 << 15)));

        Assert.True(reads.SelectMany(read => read).ToArray().AsSpan().SequenceEqual(data));
    }

    [SkippableTheory]
    [InlineData("other", "localhost", "The certificate hasn't got a known issuer")]
    [InlineData("client", "elsewhere", "Certificate does not match the hostname elsewhere")]
    [InlineData("client", null, "No hostname for certificate validation")]
    public async Task A_server_that_cannot_be_trusted_is_refused_in_qemus_words(string credentials, string? name, string message)
    {
        foreach (var program in new[] { "nbdkit", "qemu-nbd" })
        {
            await using var server = await ServeAsync(program, tcp: false, demandsCertificate: false);

            var refusal = await Assert.ThrowsAsync<BlockException>(
                () => OpenAsync(server, credentials, name is null ? "" : $", \"tls-hostname\": \"{name}\""));

            Assert.Equal((BlockErrorKind.PermissionDenied, message), (refusal.Kind, refusal.Message));
        }
    }

    [SkippableTheory]
    [InlineData("nbdkit")]
    [InlineData("qemu-nbd")]
    public async Task A_client_without_the_certificate_that_is_demanded_gets_no_further(string program)
    {
        await using var server = await ServeAsync(program, tcp: true, demandsCertificate: true);

        await Assert.ThrowsAsync<BlockException>(
            () => OpenAsync(server, "nameless", ", \"tls-hostname\": \"localhost\"").WaitAsync(Patience));
        await using var node = await OpenAsync(server, "client", ", \"tls-hostname\": \"localhost\"");
    }

    [SkippableTheory]
    [InlineData("nbdkit")]
    [InlineData("qemu-nbd")]
    public async Task A_server_behind_tls_lets_nobody_in_without(string program)
    {
        await using var server = await ServeAsync(program, tcp: false, demandsCertificate: false);

        var refusal = await Assert.ThrowsAsync<BlockException>(() => server.OpenAsync());

        Assert.Equal("TLS negotiation required before option 7 (go)", refusal.Message);
        Assert.StartsWith("Did you forget a valid tls-creds?", refusal.Hint, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("nbdkit", "--tls=off")]
    [InlineData("qemu-nbd")]
    public async Task A_server_without_tls_is_not_talked_to(string program, params string[] arguments)
    {
        RequireCertificates();
        await using var server = await ServerProgram.RunAsync(
            program, tcp: false, it => [.. arguments, .. Disk(it, program, 1 << 20)]);

        // Not even where there is no name to check.
        var refusal = await Assert.ThrowsAsync<BlockException>(() => OpenAsync(server, "client", ""));

        Assert.Equal("Denied by server for option 5 (starttls)", refusal.Message);
    }

    [SkippableFact]
    public async Task A_lost_server_is_found_again_through_tls()
    {
        await using var server = await ServeAsync("nbdkit", tcp: false, demandsCertificate: true);
        await using var node = await OpenAsync(server, "client", ", \"tls-hostname\": \"localhost\", \"reconnect-delay\": 1000");
        await node.WriteAsync(0, [1, 2, 3]);
        server.Kill();
        var read = node.ReadAsync(0, 3);
        await server.StartAsync([.. Tls("nbdkit", demandsCertificate: true), "file", "disk"]);

        Assert.Equal([1, 2, 3], await read.WaitAsync(Patience));
    }

    [SkippableFact]
    public async Task A_yank_ends_a_tls_handshake_that_hangs()
    {
        RequireCertificates();
        await using var server = new MemoryServer(1 << 20).Start();
        var asked = new TaskCompletionSource();
        // It agrees to TLS, and then says nothing.
        server.Habits.AnswersOption = option =>
        {
            asked.TrySetResult();
            return ServerHandshake.Reply(option, OptionReply.Ack);
        };
        var host = certificates.Host("client");
        var opening = Client.OpenAsync(
            server, ",\"tls-creds\":\"client\",\"tls-hostname\":\"localhost\"", new TestNodeContext(host));
        await asked.Task;

        host.Yank.YankAll();

        Assert.Equal(BlockErrorKind.Yanked, (await Assert.ThrowsAsync<BlockException>(() => opening.WaitAsync(Patience))).Kind);
    }

    private async Task<BlockNode> OpenAsync(ServerProgram server, string credentials, string more) =>
        await server.OpenAsync(
            $$"""{"tls-creds": "{{credentials}}"{{more}}}""", new TestNodeContext(certificates.Host(credentials)));

    private Task<ServerProgram> ServeAsync(string program, bool tcp, bool demandsCertificate, int size = 1 << 20)
    {
        RequireCertificates();
        return ServerProgram.RunAsync(program, tcp, it => [.. Tls(program, demandsCertificate), .. Disk(it, program, size)]);
    }

    private string[] Tls(string program, bool demandsCertificate) => program == "nbdkit"
        ? [
            "--tls=require", $"--tls-certificates={certificates["server"]}",
            .. demandsCertificate ? new[] { "--tls-verify-peer" } : []]
        :
        [
            "--object", $"tls-creds-x509,id=t,dir={certificates["server"]},endpoint=server,verify-peer={(demandsCertificate ? "yes" : "no")}",
            "--tls-creds", "t",
        ];

    private static string[] Disk(ServerProgram server, string program, int size)
    {
        File.WriteAllBytes(server["disk"], new byte[size]);
        return program == "nbdkit" ? ["file", "disk"] : ["--share=8", "-f", "raw", "disk"];
    }

    private static void RequireCertificates() => Skip.IfNot(Certificates.CanMake, "certtool is not installed");
}
