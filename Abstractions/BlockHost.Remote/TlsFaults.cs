// SPDX-License-Identifier: MIT
using System.Net.Security;

namespace BlockHost.Remote;

/// <summary>Why there is no TLS with a server.</summary>
public static class TlsFaults
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

    /// <summary>A handshake that failed.</summary>
    public static RemoteFault Of(Exception tls) => new($"TLS handshake failed: {tls.Message}", mayPass: false, tls);
}
