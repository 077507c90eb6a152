// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace BlockHost.Testing;

/// <summary>
/// Certifies peers for a test, in folders as tls-creds-x509 takes them:
/// <code>
///   ca-cert.pem   server-cert.pem, server-key.pem   client-cert.pem, client-key.pem   ca-crl.pem
/// </code>
/// </summary>
public sealed class TestAuthority
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public TestAuthority(string name)
    {
        var request = new CertificateRequest($"CN={name}", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        Certificate = request.CreateSelfSigned(DateTimeOffset.Now.AddDays(-5), DateTimeOffset.Now.AddDays(5));
    }

    public X509Certificate2 Certificate { get; }

    /// <summary>A folder for the server "localhost" and for a client.</summary>
    public void MakeFolder(string folder, string clientSubject = "CN=client", DateTimeOffset? expires = null)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "ca-cert.pem"), Certificate.ExportCertificatePem());
        Issue(folder, "server", "CN=server", expires);
        Issue(folder, "client", clientSubject, expires);
    }

    /// <param name="name">Of the files: "server" or "client".</param>
    public void Issue(string folder, string name, string subject, DateTimeOffset? expires = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(
            Certificate,
            DateTimeOffset.Now.AddDays(-4),
            expires ?? DateTimeOffset.Now.AddDays(1),
            RandomNumberGenerator.GetBytes(8));
        File.WriteAllText(Path.Combine(folder, $"{name}-cert.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(folder, $"{name}-key.pem"), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>From now on it does not hold any more what one of the folder's files certifies.</summary>
    public void Revoke(string folder, string certificateFile)
    {
        var builder = new CertificateRevocationListBuilder();
        builder.AddEntry(X509CertificateLoader.LoadCertificateFromFile(Path.Combine(folder, certificateFile)));
        var list = builder.Build(Certificate, 1, DateTimeOffset.Now.AddDays(1), HashAlgorithmName.SHA256);
        File.WriteAllText(Path.Combine(folder, "ca-crl.pem"), PemEncoding.WriteString("X509 CRL", list));
    }

    /// <summary>A certificate that nobody has signed, with its key.</summary>
    public static X509Certificate2 SelfSigned(string subject)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(2));
        return X509CertificateLoader.LoadPkcs12(
            certificate.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
    }

    /// <summary>As servers take it: cert.pem and key.pem.</summary>
    public static void WriteSelfSigned(string folder)
    {
        using var certificate = SelfSigned("CN=nobody");
        File.WriteAllText(Path.Combine(folder, "cert.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(folder, "key.pem"), certificate.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
    }
}
