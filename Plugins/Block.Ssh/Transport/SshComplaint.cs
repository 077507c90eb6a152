// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Ssh.Transport;

/// <summary>What ssh says on its standard error when it ends, in the words of QEMU's driver where it has some.</summary>
internal static partial class SshComplaint
{
    /// <param name="said">All of it; empty: it said nothing.</param>
    /// <param name="address">As errors name the server: HOST:PORT.</param>
    public static RemoteFault Explain(string said, string address)
    {
        if (Unreachable().Match(said) is { Success: true } unreachable)
            return new($"Failed to connect to '{address}': {unreachable.Groups[1].Value.Trim()}", mayPass: true);
        if (Unresolved().Match(said) is { Success: true } unresolved)
            return new($"address resolution failed for {address}: {unresolved.Groups[1].Value.Trim()}");
        if (Fingerprint().Match(said) is { Success: true } fingerprint)
            return new(fingerprint.Value);
        if (said.Contains("REMOTE HOST IDENTIFICATION HAS CHANGED", StringComparison.Ordinal))
            return new("host key does not match the one in known_hosts");
        if (Unknown().IsMatch(said))
            return new("no host key was found in known_hosts");
        if (said.Contains("Permission denied (", StringComparison.Ordinal))
            return new("failed to authenticate using publickey authentication and the identities held by your ssh-agent");
        var last = said.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault();
        return new($"The connection is lost: {last ?? "the SFTP server has ended"}", mayPass: true);
    }

    [GeneratedRegex(@"connect to host .* port \S+: (.*)")]
    private static partial Regex Unreachable();

    [GeneratedRegex(@"Could not resolve hostname .*: (.*)")]
    private static partial Regex Unresolved();

    [GeneratedRegex(@"remote host \S+ key fingerprint '\S+' does not match host_key_check '\S+'")]
    private static partial Regex Fingerprint();

    [GeneratedRegex(@"No \S+ host key is known for|Host key verification failed")]
    private static partial Regex Unknown();
}
