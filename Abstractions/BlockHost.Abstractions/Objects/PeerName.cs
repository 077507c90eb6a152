// SPDX-License-Identifier: MIT
using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace BlockHost.Objects;

/// <summary>
/// Who a TLS peer is, as <see cref="IAuthorization"/> is asked about it: the subject of its certificate as GnuTLS, and so QEMU,
/// writes it. The parts are in the certificate's order, values are escaped as RFC 4514 has it:
/// <code>
///   C=DE,O=Some\, Company,CN=client
/// </code>
/// </summary>
public static class PeerName
{
    private static readonly FrozenDictionary<string, string> Types = new Dictionary<string, string>
    {
        ["2.5.4.3"] = "CN",
        ["2.5.4.4"] = "surName",
        ["2.5.4.5"] = "serialNumber",
        ["2.5.4.6"] = "C",
        ["2.5.4.7"] = "L",
        ["2.5.4.8"] = "ST",
        ["2.5.4.9"] = "street",
        ["2.5.4.10"] = "O",
        ["2.5.4.11"] = "OU",
        ["2.5.4.12"] = "title",
        ["2.5.4.13"] = "description",
        ["2.5.4.15"] = "businessCategory",
        ["2.5.4.17"] = "postalCode",
        ["2.5.4.20"] = "telephoneNumber",
        ["2.5.4.41"] = "name",
        ["2.5.4.42"] = "givenName",
        ["2.5.4.43"] = "initials",
        ["2.5.4.44"] = "generationQualifier",
        ["2.5.4.46"] = "dnQualifier",
        ["2.5.4.65"] = "pseudonym",
        ["0.9.2342.19200300.100.1.1"] = "UID",
        ["0.9.2342.19200300.100.1.25"] = "DC",
        ["1.2.840.113549.1.9.1"] = "EMAIL",
        ["1.3.6.1.4.1.311.60.2.1.1"] = "jurisdictionOfIncorporationLocalityName",
        ["1.3.6.1.4.1.311.60.2.1.2"] = "jurisdictionOfIncorporationStateOrProvinceName",
        ["1.3.6.1.4.1.311.60.2.1.3"] = "jurisdictionOfIncorporationCountryName",
    }.ToFrozenDictionary();

    /// <returns>The empty name, where there is no certificate or its name cannot be told apart from others.</returns>
    public static string Of(X509Certificate? certificate)
    {
        if (certificate is null)
            return "";
        var subject = new X500DistinguishedName((certificate as X509Certificate2)?.SubjectName.RawData ?? Load(certificate));
        try
        {
            return string.Join(',', subject.EnumerateRelativeDistinguishedNames(reversed: false).Select(Part));
        }
        catch (Exception e) when (e is CryptographicException or InvalidOperationException)
        {
            return "";
        }
    }

    private static byte[] Load(X509Certificate certificate)
    {
        using var loaded = X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
        return loaded.SubjectName.RawData;
    }

    /// <exception cref="InvalidOperationException">It has several values, or is no text.</exception>
    private static string Part(X500RelativeDistinguishedName part)
    {
        var type = part.GetSingleElementType().Value!;
        var value = part.GetSingleElementValue() ?? throw new InvalidOperationException("The part is no text");
        return $"{Types.GetValueOrDefault(type, type)}={Escape(value)}";
    }

    private static string Escape(string value)
    {
        var escaped = new StringBuilder(value.Length);
        for (var i = 0; i < value.Length; i++)
        {
            var atEdge = i == 0 ? value[i] is ' ' or '#' : i == value.Length - 1 && value[i] == ' ';
            if (atEdge || value[i] is ',' or '+' or '"' or '\\' or '<' or '>' or ';' or '\0')
                escaped.Append('\\');
            escaped.Append(value[i]);
        }

        return escaped.ToString();
    }
}
