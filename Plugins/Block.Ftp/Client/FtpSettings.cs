// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Objects;
using BlockHost.Remote.Options;

namespace BlockHost.Plugins.Block.Ftp.Client;

internal enum FtpTls
{
    None,

    /// <summary>From the first byte on.</summary>
    Implicit,

    /// <summary>After AUTH TLS (RFC 4217).</summary>
    Explicit,
}

/// <summary>What a node is told, checked, with its secrets.</summary>
internal sealed record FtpSettings(CurlSettings Curl, string Path, FtpTls Tls, bool VerifiesPeer)
{
    /// <summary>A stream that goes on and on is what the protocol is good at.</summary>
    private const uint DefaultConnections = 1;

    private const int PlainPort = 21;
    private const int ImplicitPort = 990;

    public int Port => !Curl.Url.IsDefaultPort && Curl.Url.Port > 0
        ? Curl.Url.Port
        : Tls == FtpTls.Implicit ? ImplicitPort : PlainPort;

    /// <exception cref="BlockException">An option is wrong; QEMU's texts.</exception>
    public static FtpSettings From(FtpOptions options, IUserObjects objects, string driver)
    {
        var curl = CurlSettings.From(options with { Connections = options.Connections ?? DefaultConnections }, objects, driver);
        var path = Uri.UnescapeDataString(curl.Url.AbsolutePath)[1..];
        if (path.Any(char.IsControl) || (curl.Login is { } login && (login.User + login.Password).Any(char.IsControl)))
            throw new BlockException(BlockErrorKind.InvalidArgument, "The URL has characters that no FTP command can have");
        var secure = options as FtpsOptions;
        var tls = secure is null ? FtpTls.None : secure.Explicit == true ? FtpTls.Explicit : FtpTls.Implicit;
        return new(curl, path, tls, secure?.Sslverify ?? true);
    }
}
