// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Ssh.Transport;

/// <summary>What OpenSSH's client is started with to be a pipe to the SFTP server of another machine.</summary>
internal static class SshCommandLine
{
    public const string Program = "ssh";

    /// <exception cref="BlockException">A name is none that a shell may see.</exception>
    public static IReadOnlyList<string> For(SshOptions options)
    {
        Check("server.host", options.Server.Host);
        if (options.User is { } name)
            Check("user", name);
        List<string> words = [];
        if (options.Config is { } config)
            words.AddRange(["-F", config]);
        foreach (var setting in Settings(options))
            words.AddRange(["-o", setting]);
        words.AddRange(["-p", options.Server.Port]);
        if (options.User is { } user)
            words.AddRange(["-l", user]);
        if (options.Server.Ipv4 == true && options.Server.Ipv6 != true)
            words.Add("-4");
        if (options.Server.Ipv6 == true && options.Server.Ipv4 != true)
            words.Add("-6");
        // Behind "--" no name is taken for an option.
        words.AddRange(["-s", "--", options.Server.Host, "sftp"]);
        return words;
    }

    /// <summary>
    /// A user's configuration can have commands (ProxyCommand, Match exec) that a shell gets with names in them, and an image's
    /// header can name its backing file: so no such name says anything to a shell.
    /// </summary>
    private static void Check(string option, string name)
    {
        const string allowed = ".-_:%@+";
        var isHarmless = name.Length > 0 && name[0] != '-' && name.All(c => char.IsLetterOrDigit(c) || allowed.Contains(c));
        if (!isHarmless)
            throw new BlockException(ParameterFault.OutOfRange(option, "a name of letters, digits and " + allowed));
    }

    /// <summary>The first value counts, so these come before the user's configuration.</summary>
    private static IEnumerable<string> Settings(SshOptions options) =>
    [
        // Nobody is there to be asked.
        "BatchMode=yes",
        // The connection is this node's alone: nothing else goes through it, nothing is started here, and a yank cuts all of it.
        "ControlPath=none",
        "ClearAllForwardings=yes",
        "ForwardX11=no",
        "ForwardAgent=no",
        "PermitLocalCommand=no",
        "RequestTTY=no",
        "ConnectTimeout=15",
        // A machine that is gone without a word is noticed in half a minute.
        "ServerAliveInterval=10",
        "ServerAliveCountMax=3",
        "LogLevel=ERROR",
        .. HostKeyCheck.Settings(options.HostKeyCheck ?? new SshKnownHosts()),
    ];
}
