// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace BlockHost.Remote.Tests;

/// <summary>What somebody at the other end does.</summary>
public enum PeerState
{
    /// <summary>Takes the connection and says nothing.</summary>
    Frozen,

    /// <summary>Ends it as soon as it is there.</summary>
    Closing,

    /// <summary>Says the beginning of something, and then nothing.</summary>
    HalfReply,

    /// <summary>Is not there.</summary>
    Refused,

    /// <summary>Has no address.</summary>
    Unknown,

    /// <summary>Shows a certificate that nobody has signed.</summary>
    BadCertificate,
}

/// <summary>A peer on this machine, for TCP and UDP on one port.</summary>
internal sealed class Peer : IDisposable
{
    /// <summary>A record of a handshake, of 512 bytes.</summary>
    private static readonly byte[] HelloBegins = [0x16, 3, 3, 2, 0];

    private readonly TcpListener _tcp = new(IPAddress.Loopback, 0);
    private readonly UdpClient _udp;
    private readonly PeerState _state;
    private readonly bool _hasTls;
    private readonly X509Certificate2 _certificate = TestAuthority.SelfSigned("CN=nobody");
    private readonly List<IDisposable> _open = [];

    public Peer(PeerState state, bool hasTls)
    {
        (_state, _hasTls) = (state, hasTls);
        _tcp.Start();
        var address = (IPEndPoint)_tcp.LocalEndpoint;
        Port = address.Port;
        _udp = new UdpClient(address);
        if (state == PeerState.Refused)
        {
            _tcp.Stop();
            _udp.Dispose();
            return;
        }

        _ = AcceptAsync().ContinueWith(_ => { });
        _ = AnswerPacketsAsync().ContinueWith(_ => { });
    }

    public string Host => _state == PeerState.Unknown ? "nowhere.invalid" : "127.0.0.1";

    public int Port { get; }

    public string Url(string driver) => $"{driver}://{Host}:{Port}/disk";

    public void Dispose()
    {
        _tcp.Dispose();
        _udp.Dispose();
        _certificate.Dispose();
        foreach (var open in _open)
            open.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            var client = await _tcp.AcceptTcpClientAsync();
            _open.Add(client);
            _ = ServeAsync(client).ContinueWith(_ => { });
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        if (_state == PeerState.Closing)
            client.Close();
        if (_state == PeerState.HalfReply)
            await client.GetStream().WriteAsync(_hasTls ? HelloBegins : "HTTP/1.1 20"u8.ToArray());
        if (_state == PeerState.BadCertificate)
            await new SslStream(client.GetStream()).AuthenticateAsServerAsync(_certificate);
    }

    private async Task AnswerPacketsAsync()
    {
        while (true)
        {
            var request = await _udp.ReceiveAsync();
            if (_state == PeerState.HalfReply)
                await _udp.SendAsync(new byte[] { 0, 3, 0 }, request.RemoteEndPoint);
            if (_state == PeerState.Closing)
                await _udp.SendAsync(new byte[] { 0, 5, 0, 0, 0 }, request.RemoteEndPoint);
        }
    }
}
