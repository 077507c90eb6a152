// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.RegularExpressions;

namespace BlockHost.Plugins.Block.Ftp.Client;

/// <summary>
/// Where the server listens for a data connection. Of the address in a reply to PASV only the port is taken: the host is the
/// one that was asked, whatever a server behind NAT, or a hostile one, says.
/// </summary>
internal static partial class PassiveReply
{
    /// <summary>"229 … (|||PORT|)": RFC 2428.</summary>
    public static int? Extended(FtpReply reply) =>
        reply.Code == 229 && ExtendedForm().Match(reply.Text) is { Success: true } match ? Port(match.Groups[1].Value) : null;

    /// <summary>"227 … (H,H,H,H,P,P)", with or without the brackets: RFC 959, and RFC 1123, 4.1.2.6.</summary>
    public static int? Plain(FtpReply reply)
    {
        if (reply.Code != 227 || PlainForm().Match(reply.Text) is not { Success: true } match)
            return null;
        var (high, low) = (Port(match.Groups[1].Value), Port(match.Groups[2].Value));
        return high is <= 255 && low is <= 255 && (high.Value << 8) + low.Value is > 0 and var port ? port : null;
    }

    private static int? Port(string digits) =>
        ushort.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var port) ? port : null;

    [GeneratedRegex(@"\((?:\|){3}(\d{1,5})\|\)")]
    private static partial Regex ExtendedForm();

    [GeneratedRegex(@"\d{1,3},\d{1,3},\d{1,3},\d{1,3},(\d{1,3}),(\d{1,3})")]
    private static partial Regex PlainForm();
}
