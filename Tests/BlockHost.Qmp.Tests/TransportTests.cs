// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using BlockHost.Core.Chardevs;
using BlockHost.Qmp.Tests.Support;

namespace BlockHost.Qmp.Tests;

public class TransportTests
{
    [Fact]
    public async Task A_monitor_on_tcp_speaks_tls_and_a_silent_client_keeps_no_other_monitor_out()
    {
        await using var daemon = new TestDaemon();
        new TestAuthority("authority").MakeFolder(daemon.Folder);
        await daemon.Objects.AddAsync(JsonDocument.Parse(
            $$"""{"qom-type":"tls-creds-x509","id":"tls","endpoint":"server","dir":"{{daemon.Folder}}","verify-peer":false}""").RootElement, CancellationToken.None);
        var device = (SocketChardev)await daemon.ListenAsync(
            "socket,id=t,host=127.0.0.1,port=0,server=on,wait=off,tls-creds=tls", "t");
        await daemon.ListenAsync($"socket,id=c,path={daemon.SocketPath},server=on,wait=off", "c");

        using var tcp = new TcpClient();
        await tcp.ConnectAsync((IPEndPoint)device.LocalEndPoint!);
        using (var client = await daemon.NegotiateAsync())
            Assert.Contains("running", await client.AskAsync("""{"execute":"query-status"}"""));

        await using var tls = new SslStream(
            tcp.GetStream(), leaveInnerStreamOpen: false, (_, certificate, _, _) => certificate!.Subject == "CN=server");
        await tls.AuthenticateAsClientAsync("localhost");
        using var reader = new StreamReader(tls);
        Assert.StartsWith("{\"QMP\"", await reader.ReadLineAsync());
        await tls.WriteAsync("""{"execute":"qmp_capabilities"}"""u8.ToArray());
        Assert.Equal("""{"return": {}}""", await reader.ReadLineAsync());
    }

    [Fact]
    public async Task A_client_that_leaves_makes_room_and_its_session_ends()
    {
        await using var daemon = await TestDaemon.StartAsync();
        for (var i = 0; i < 300; i++)
        {
            using var client = await daemon.ConnectAsync();
        }

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (daemon.SessionCount > 0)
            await Task.Delay(10, patience.Token);
    }

    [Fact]
    public async Task A_client_that_comes_while_the_daemon_is_being_set_up_is_greeted_when_it_is_ready()
    {
        await using var daemon = new TestDaemon();
        var hold = daemon.HoldMonitors();
        await daemon.ListenAsync($"socket,id=c,path={daemon.SocketPath},server=on,wait=off", "c");
        using var client = await TestClient.ConnectAsync(daemon.SocketPath);
        var greeting = client.ReadAsync();
        await Task.Delay(100);
        Assert.False(greeting.IsCompleted);

        hold.Dispose();

        Assert.Contains("\"QMP\"", await greeting);
    }
}
