// SPDX-License-Identifier: MIT
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using BlockHost.Objects;

namespace BlockHost.Core.Objects.Types;

/// <summary>X.509 credentials: an own certificate, and the one authority that peers must be certified by.</summary>
internal sealed class TlsCredentials(
    TlsCredsX509Options options,
    X509Certificate2 authority,
    X509Certificate2? own,
    CertificateRevocationListBuilder? revoked)
    : UserObject<TlsCredsX509Options>(ObjectsJson.Default.TlsCredsX509Options), ITlsCredentials
{
    private readonly Lock _revocations = new();

    public bool IsServer { get; } = options.Endpoint is TlsEndpoint.Server;

    public bool VerifyPeer { get; } = options.VerifyPeer ?? true;

    protected override TlsCredsX509Options Properties { get; } = options with
    {
        Endpoint = options.Endpoint ?? TlsEndpoint.Client,
        VerifyPeer = options.VerifyPeer ?? true,
        SanityCheck = options.SanityCheck ?? true,
        Loaded = true,
    };

    public SslServerAuthenticationOptions CreateServerOptions() => new()
    {
        ServerCertificate = own,
        ClientCertificateRequired = VerifyPeer,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        RemoteCertificateValidationCallback = (_, certificate, _, _) => !VerifyPeer || IsTrusted(certificate),
    };

    public SslClientAuthenticationOptions CreateClientOptions(string? hostName) => new()
    {
        TargetHost = hostName ?? "",
        ClientCertificates = own is null ? null : [own],
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        RemoteCertificateValidationCallback = (_, certificate, _, errors) => !VerifyPeer || Accept(certificate, hostName, errors),
    };

    /// <exception cref="AuthenticationException">The server's certificate is refused; why, in QEMU's words.</exception>
    private bool Accept(X509Certificate? certificate, string? hostName, SslPolicyErrors errors)
    {
        if (!IsTrusted(certificate))
            throw new AuthenticationException("The certificate hasn't got a known issuer");
        if (hostName is not null && (errors & SslPolicyErrors.RemoteCertificateNameMismatch) != 0)
            throw new AuthenticationException($"Certificate does not match the hostname {hostName}");
        return true;
    }

    /// <summary>A chain that ends at <paramref name="authority"/> and nowhere else.</summary>
    public static X509Chain Chain(X509Certificate2 authority)
    {
        var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain;
    }

    private bool IsTrusted(X509Certificate? certificate)
    {
        if (certificate is null)
            return false;
        using var peer = new X509Certificate2(certificate);
        using var chain = Chain(authority);
        return chain.Build(peer) && !IsRevoked(peer);
    }

    // The runtime checks revocation lists only from the network; removing an entry tells whether it was listed.
    private bool IsRevoked(X509Certificate2 peer)
    {
        if (revoked is null)
            return false;
        lock (_revocations)
        {
            if (!revoked.RemoveEntry(peer.SerialNumberBytes.Span))
                return false;
            revoked.AddEntry(peer.SerialNumberBytes.Span);
            return true;
        }
    }
}
