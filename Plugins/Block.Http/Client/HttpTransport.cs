// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Authentication;
using System.Text;
using BlockHost.Remote;
using BlockHost.Remote.Options;

namespace BlockHost.Plugins.Block.Http.Client;

/// <summary>
/// Connections to servers. It follows no redirect, unpacks nothing and keeps no cookies: what it sends goes to one server,
/// and what comes is what that sent.
/// </summary>
internal sealed class HttpTransport : IDisposable
{
    private static readonly TimeSpan IdleConnectionLife = TimeSpan.FromSeconds(60);

    private readonly HttpSettings _settings;
    private readonly HttpMessageInvoker _invoker;

    public HttpTransport(HttpSettings settings, Lifeline lifeline)
    {
        _settings = settings;
        var patience = settings.Curl.Transfers.Patience;
        _invoker = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            MaxConnectionsPerServer = settings.Curl.Transfers.Connections,
            PooledConnectionIdleTimeout = IdleConnectionLife,
            ConnectTimeout = patience > TimeSpan.Zero ? patience : Timeout.InfiniteTimeSpan,
            DefaultProxyCredentials = settings.Curl.ProxyLogin is { } login
                ? new NetworkCredential(login.User, login.Password)
                : null,
            ConnectCallback = async (connection, token) =>
            {
                using var linked = CancellationTokenSource.CreateLinkedTokenSource(token, lifeline.Token);
                var (host, port) = (connection.DnsEndPoint.Host, connection.DnsEndPoint.Port);
                var socket = await Dialler.ConnectAsync(host, port, linked.Token).ConfigureAwait(false);
                return new CutStream(socket, lifeline.Token);
            },
            SslOptions = new SslClientAuthenticationOptions
            {
                RemoteCertificateValidationCallback = (_, _, _, errors) => !settings.VerifiesPeer || TlsFaults.Accept(errors),
            },
        });
    }

    /// <summary>
    /// A request to the user's server, or to another: only the first gets the user's name, password and cookies.
    /// </summary>
    public HttpRequestMessage Request(HttpMethod method, Uri url)
    {
        var request = new HttpRequestMessage(method, url)
        {
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.TryAddWithoutValidation("User-Agent", "blockhost");
        if (!IsSameServer(url, _settings.Curl.Url))
            return request;
        if (_settings.Curl.Login is { } login)
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Encode(login));
        if (_settings.Cookie is { } cookie)
            request.Headers.TryAddWithoutValidation("Cookie", cookie);
        return request;
    }

    /// <returns>The answer's head; its body is still to come.</returns>
    /// <exception cref="RemoteFault">There is none.</exception>
    public async ValueTask<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await _invoker.SendAsync(request, cancellationToken).ConfigureAwait(false);
        }
        catch (HttpRequestException e)
        {
            throw RemoteFault.Inside(e) ?? (e.InnerException is AuthenticationException tls
                ? TlsFaults.Of(tls)
                : new RemoteFault(Describe(e), mayPass: true, e));
        }
    }

    public void Dispose() => _invoker.Dispose();

    private static string Describe(HttpRequestException error) => error.HttpRequestError switch
    {
        HttpRequestError.ResponseEnded => "Empty reply from server",
        HttpRequestError.ProxyTunnelError => "The proxy refuses to connect",
        _ => error.InnerException?.Message ?? error.Message,
    };

    private static bool IsSameServer(Uri one, Uri other) =>
        one.Scheme == other.Scheme && one.Port == other.Port
        && string.Equals(one.Host, other.Host, StringComparison.OrdinalIgnoreCase);

    private static string Encode(Login login) =>
        Convert.ToBase64String(Encoding.UTF8.GetBytes($"{login.User}:{login.Password}"));
}
