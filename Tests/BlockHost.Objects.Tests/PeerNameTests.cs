// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using BlockHost.Objects;

namespace BlockHost.Core.Tests.Objects;

/// <summary>How a TLS peer is called where an object is asked whether it is let in.</summary>
public sealed class PeerNameTests
{
    [Fact]
    public void Parts_are_in_the_certificates_order_without_spaces_between()
    {
        using var certificate = Certificate(("2.5.4.6", "DE"), ("2.5.4.8", "St"), ("2.5.4.10", "Company"), ("2.5.4.3", "client"));

        Assert.Equal("C=DE,ST=St,O=Company,CN=client", PeerName.Of(certificate));
    }

    [Theory]
    [InlineData("a, b+c", @"CN=a\, b\+c")]
    [InlineData(" lo ", @"CN=\ lo\ ")]
    [InlineData("#u#", @"CN=\#u#")]
    [InlineData("Ex \"q\" <x>;\\", @"CN=Ex \""q\"" \<x\>\;\\")]
    [InlineData("x,CN=root", @"CN=x\,CN=root")]
    public void What_has_a_meaning_in_names_is_escaped(string value, string expected)
    {
        using var certificate = Certificate(("2.5.4.3", value));

        Assert.Equal(expected, PeerName.Of(certificate));
    }

    [Fact]
    public void A_name_that_cannot_be_told_apart_from_others_is_none()
    {
        var name = new AsnWriter(AsnEncodingRules.DER);
        using (name.PushSequence())
        using (name.PushSetOf())
        {
            foreach (var type in new[] { "2.5.4.3", "2.5.4.10" })
            {
                using var element = name.PushSequence();
                name.WriteObjectIdentifier(type);
                name.WriteCharacterString(UniversalTagNumber.UTF8String, "x");
            }
        }

        using var certificate = Certificate(new X500DistinguishedName(name.Encode()));
        Assert.Equal("", PeerName.Of(certificate));
        Assert.Equal("", PeerName.Of(null));
    }

    [SkippableFact]
    public void It_is_called_as_GnuTLS_calls_it_but_for_the_order()
    {
        Skip.IfNot(InstalledPrograms.Has("certtool"), "certtool is not installed");
        string[] types =
        [
            "2.5.4.3", "2.5.4.4", "2.5.4.5", "2.5.4.6", "2.5.4.7", "2.5.4.8", "2.5.4.9", "2.5.4.10", "2.5.4.11", "2.5.4.12", "2.5.4.13",
            "2.5.4.15", "2.5.4.17", "2.5.4.20", "2.5.4.41", "2.5.4.42", "2.5.4.43", "2.5.4.44", "2.5.4.46", "2.5.4.65",
            "0.9.2342.19200300.100.1.1", "1.3.6.1.4.1.311.60.2.1.1", "1.3.6.1.4.1.311.60.2.1.2", "1.3.6.1.4.1.311.60.2.1.3",
        ];
        using var certificate = Certificate([.. types.Select(type => (type, "DE"))]);
        using var certtool = Process.Start(new ProcessStartInfo("certtool", ["-i"])
        { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        certtool.StandardInput.Write(certificate.ExportCertificatePem());
        certtool.StandardInput.Close();
        var subject = certtool.StandardOutput.ReadToEnd().Split('\n').Select(line => line.Trim())
            .First(line => line.StartsWith("Subject: ", StringComparison.Ordinal))["Subject: ".Length..];

        Assert.Equal(subject, string.Join(',', PeerName.Of(certificate).Split(',').Reverse()));
    }

    private static X509Certificate2 Certificate(params (string Type, string Value)[] parts)
    {
        var name = new AsnWriter(AsnEncodingRules.DER);
        using (name.PushSequence())
        {
            foreach (var (type, value) in parts)
            {
                using var set = name.PushSetOf();
                using var element = name.PushSequence();
                name.WriteObjectIdentifier(type);
                var isPlain = value.All(char.IsAsciiLetterOrDigit);
                name.WriteCharacterString(isPlain ? UniversalTagNumber.PrintableString : UniversalTagNumber.UTF8String, value);
            }
        }

        return Certificate(new X500DistinguishedName(name.Encode()));
    }

    private static X509Certificate2 Certificate(X500DistinguishedName subject)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new CertificateRequest(subject, key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.Now.AddDays(-1), DateTimeOffset.Now.AddDays(1));
    }
}
