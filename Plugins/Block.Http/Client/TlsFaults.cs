// SPDX-License-Identifier: MIT
using System.Net.Security;
using System.Security.Authentication;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Http.Client;

/// <summary>Why there is no TLS with a server.</summary>
internal static class TlsFaults
{
    /// <exception cref="RemoteFault">The certificate is not good.</exception>
    public static bool Accept(SslPolicyErrors errors)
    {
        if (errors == SslPolicyErrors.None)
            return true;
        throw new RemoteFault((errors & SslPolicyErrors.RemoteCertificateChainErrors) != 0
            ? "server certificate verification failed"
            : "the server's certificate is for another host");
    }

    /// <summary>Null: it was not TLS that failed.</summary>
    public static RemoteFault? Find(HttpRequestException error) => error.InnerException is AuthenticationException tls
        ? new RemoteFault($"TLS handshake failed: {tls.Message}", mayPass: false, error)
        : null;
}
