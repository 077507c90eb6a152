// SPDX-License-Identifier: MIT
using System.Collections.Frozen;

namespace BlockHost.Core.Qapi;

/// <summary>Values of QEMU's schema that there are none of here for a reason, which whoever asks for one is told.</summary>
internal static class NotOffered
{
    private const string NeedsCertificates = "connections without certificates are not offered (use tls-creds-x509)";

    private static readonly FrozenDictionary<string, string> Reasons = new Dictionary<string, string>
    {
        ["tls-creds-anon"] = NeedsCertificates,
        ["tls-creds-psk"] = NeedsCertificates,
        ["authz-pam"] = "PAM is not asked (use authz-simple or authz-list)",
    }.ToFrozenDictionary();

    public static string? Reason(string value) => Reasons.GetValueOrDefault(value);
}
