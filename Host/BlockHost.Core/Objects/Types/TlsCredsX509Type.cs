// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Objects;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects.Types;

[JsonConverter(typeof(JsonStringEnumConverter<TlsEndpoint>))]
[QapiName("QCryptoTLSCredsEndpoint")]
internal enum TlsEndpoint
{
    [JsonStringEnumMemberName("client")]
    Client = 0,

    [JsonStringEnumMemberName("server")]
    Server = 1,
}

internal sealed record TlsCredsX509Options
{
    public bool? VerifyPeer { get; init; }

    public string? Dir { get; init; }

    public TlsEndpoint? Endpoint { get; init; }

    public string? Priority { get; init; }

    [QapiFeature("deprecated")]
    public bool? Loaded { get; init; }

    public bool? SanityCheck { get; init; }

    /// <summary>Secret that decrypts the private key.</summary>
    public string? Passwordid { get; init; }
}

/// <summary>
/// "tls-creds-x509": a folder of PEM files.
/// <code>
///   ca-cert.pem                      required
///   ca-crl.pem                       optional: certificates that are no longer accepted
///   server-cert.pem, server-key.pem  required of a server
///   client-cert.pem, client-key.pem  optional for a client
/// </code>
/// </summary>
internal sealed class TlsCredsX509Type : ObjectType<TlsCredsX509Options>
{
    public override string Name => "tls-creds-x509";

    public override string Parent => "tls-creds";

    protected override JsonTypeInfo<TlsCredsX509Options> TypedOptionsType => ObjectsJson.Default.TlsCredsX509Options;

    protected override UserObject Create(IObjectContext context, TlsCredsX509Options options)
    {
        if (options.Dir is not { } folder)
            throw new QmpException("Missing 'dir' property value");
        if (options.Priority is not null)
            throw new QmpException(
                "Property 'priority' is not supported: the TLS versions and ciphers are the system's OpenSSL policy");

        var isServer = options.Endpoint is TlsEndpoint.Server;
        var authority = Load(Path.Combine(folder, "ca-cert.pem"), X509CertificateLoader.LoadCertificateFromFile);
        var own = LoadOwn(folder, isServer, Password(options, context.Host.Objects));
        if (options.SanityCheck ?? true)
            Check(authority, own, folder, isServer);
        return new TlsCredentials(options, authority, own, LoadRevocations(folder));
    }

    private static string? Password(TlsCredsX509Options options, IUserObjects others)
    {
        if (options.Passwordid is not { } id)
            return null;
        return others.TryGet<ISecret>(id, out var secret)
            ? Encoding.UTF8.GetString(secret.Data.Span)
            : throw new QmpException($"No secret with id '{id}'");
    }

    private static X509Certificate2? LoadOwn(string folder, bool isServer, string? password)
    {
        var name = isServer ? "server" : "client";
        var certificate = Path.Combine(folder, $"{name}-cert.pem");
        var key = Path.Combine(folder, $"{name}-key.pem");
        if (!isServer && !File.Exists(certificate))
            return null;
        return Load(certificate, path =>
        {
            if (!File.Exists(key))
                throw new FileNotFoundException(key, key);
            return password is null
                ? X509Certificate2.CreateFromPemFile(path, key)
                : X509Certificate2.CreateFromEncryptedPemFile(path, password, key);
        });
    }

    private static X509Certificate2 Load(string path, Func<string, X509Certificate2> load)
    {
        try
        {
            return load(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var file = (e as FileNotFoundException)?.FileName ?? path;
            throw new QmpException($"Unable to access credentials {file}: {FileErrors.Describe(e)}");
        }
        catch (CryptographicException e)
        {
            // A missing file is a cryptographic error to the loader too.
            throw File.Exists(path)
                ? new QmpException($"Unable to import certificate {path}: {e.Message}")
                : new QmpException($"Unable to access credentials {path}: No such file or directory");
        }
    }

    private static CertificateRevocationListBuilder? LoadRevocations(string folder)
    {
        var path = Path.Combine(folder, "ca-crl.pem");
        if (!File.Exists(path))
            return null;
        try
        {
            return CertificateRevocationListBuilder.LoadPem(File.ReadAllText(path), out _);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new QmpException($"Unable to import certificate revocation list {path}: {e.Message}");
        }
    }

    private static void Check(X509Certificate2 authority, X509Certificate2? own, string folder, bool isServer)
    {
        CheckDates(authority, Path.Combine(folder, "ca-cert.pem"), "CA");
        if (own is null)
            return;
        var path = Path.Combine(folder, isServer ? "server-cert.pem" : "client-cert.pem");
        CheckDates(own, path, isServer ? "server" : "client");
        using var chain = TlsCredentials.Chain(authority);
        if (!chain.Build(own))
            throw new QmpException(
                $"Our own certificate {path} failed validation against {folder}/ca-cert.pem: {chain.ChainStatus[0].StatusInformation.Trim()}");
    }

    private static void CheckDates(X509Certificate2 certificate, string path, string kind)
    {
        var now = DateTime.Now;
        if (certificate.NotAfter < now)
            throw new QmpException($"The {kind} certificate {path} has expired");
        if (certificate.NotBefore > now)
            throw new QmpException($"The {kind} certificate {path} is not yet active");
    }
}
