// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Ssh.Transport;

/// <summary>"host-key-check" as settings of ssh.</summary>
internal static class HostKeyCheck
{
    private static readonly string[] NoFiles = ["UserKnownHostsFile=/dev/null", "GlobalKnownHostsFile=/dev/null"];

    public static IEnumerable<string> Settings(SshHostKeyCheck check) => check switch
    {
        SshNoHostKeyCheck => ["StrictHostKeyChecking=no", .. NoFiles],
        SshHostKeyHash hash => ["StrictHostKeyChecking=yes", .. NoFiles, $"KnownHostsCommand={Compare(hash)}"],
        _ => ["StrictHostKeyChecking=yes"],
    };

    /// <summary>
    /// A command that ssh asks for the keys it may trust, with the one that the server shows: it prints that one where its hash
    /// is right, and says on standard error what it is otherwise. ssh splits the words itself, and replaces %H, %t and %K: the
    /// host, the key's type, and the key (NONE: ssh only wants to know which types are known).
    /// </summary>
    private static string Compare(SshHostKeyHash wanted)
    {
        var type = wanted.Type.ToString().ToLowerInvariant();
        var hash = Digits(wanted.Hash);
        var complaint = $"remote host $2 key fingerprint '{type}:$h' does not match host_key_check '{type}:{hash}'";
        var script = $"h=$(printf %%s \"$3\" | base64 -d 2>/dev/null | {type}sum | cut -d' ' -f1); "
            + $"if [ \"$h\" = {hash} ]; then echo \"$1 $2 $3\"; "
            + $"elif [ \"$3\" != NONE ]; then echo \"{complaint}\" >&2; fi";
        return $"/bin/sh -c {Quote(script)} - %H %t %K";
    }

    /// <summary>Nothing else gets into the command.</summary>
    private static string Digits(string hash)
    {
        var digits = hash.Replace(":", "", StringComparison.Ordinal).ToLowerInvariant();
        return digits.Length > 0 && digits.All(char.IsAsciiHexDigitLower)
            ? digits
            : throw new BlockException(ParameterFault.OutOfRange("host-key-check.hash", "hexadecimal digits"));
    }

    /// <summary>As ssh's own splitting takes words.</summary>
    private static string Quote(string word) =>
        $"\"{word.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
