// SPDX-License-Identifier: MIT
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Iscsi.Negotiation;

/// <summary>Status class and detail of a login response (RFC 7143, section 11.13.5), in libiscsi's words.</summary>
internal static class LoginStatus
{
    public const int Success = 0;
    public const int MovedTemporarily = 0x0101;
    public const int MovedPermanently = 0x0102;

    /// <summary>The class of errors of the target's own, which may pass.</summary>
    private const int TargetErrors = 0x0300;

    public static RemoteFault Fault(int status) =>
        new($"Failed to log in to target. Status: {Name(status)}({status})", mayPass: status >= TargetErrors);

    private static string Name(int status) => status switch
    {
        MovedTemporarily => "Target moved temporarily",
        MovedPermanently => "Target moved permanently",
        0x0200 => "Initiator error",
        0x0201 => "Authentication failure",
        0x0202 => "Authorization failure",
        0x0203 => "Target not found",
        0x0204 => "Target removed",
        0x0205 => "Unsupported version",
        0x0206 => "Too many connections",
        0x0207 => "Missing parameter",
        0x0208 => "Can't include in session",
        0x0209 => "Session type not supported",
        0x020A => "Session does not exist",
        0x020B => "Invalid request during login",
        0x0300 => "Target error",
        0x0301 => "Service unavailable",
        0x0302 => "Out of resources",
        _ => "Unknown",
    };
}
