// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Block;
using BlockHost.Net;

namespace BlockHost.Plugins.Block.Nbd.Naming;

/// <summary>nbd:// and its kin.</summary>
internal static class NbdUri
{
    private const string Socket = "socket=";

    /// <exception cref="BlockException">"No valid URL specified".</exception>
    public static NbdTarget Parse(string uri)
    {
        var schemeEnd = uri.IndexOf("://", StringComparison.Ordinal);
        var (rest, query) = SplitOff(uri[(schemeEnd + 3)..], '?');
        var pathStart = rest.IndexOf('/', StringComparison.Ordinal);
        var authority = pathStart < 0 ? rest : rest[..pathStart];
        // The path's first slash separates; what follows is the name, further slashes included.
        var export = pathStart < 0 ? "" : Unescape(rest[(pathStart + 1)..]);
        return uri[..schemeEnd] switch
        {
            "nbd" or "nbd+tcp" when query is null => new(Inet(authority), export),
            "nbd+unix" when authority.Length == 0 && query is not null => new(Unix(query), export),
            _ => throw NotValid(),
        };
    }

    private static InetSocketAddress Inet(string authority)
    {
        if (authority.LastIndexOf('@') is var at and >= 0)
            authority = authority[(at + 1)..];
        var hostEnd = authority.StartsWith('[')
            ? authority.IndexOf(']', StringComparison.Ordinal) + 1
            : authority.IndexOf(':', StringComparison.Ordinal);
        if (hostEnd < 0)
            hostEnd = authority.Length;
        var host = Unescape(authority[..hostEnd]);
        var port = hostEnd < authority.Length ? authority[(hostEnd + 1)..] : "";
        if (host.Length == 0 || (hostEnd < authority.Length && authority[hostEnd] != ':')
            || (port.Length > 0 && !ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out _)))
            throw NotValid();
        return new()
        { Host = host.StartsWith('[') ? host[1..^1] : host, Port = port.Length > 0 ? port : NbdFileName.DefaultPort };
    }

    private static UnixSocketAddress Unix(string query) =>
        query.StartsWith(Socket, StringComparison.Ordinal) && !query.Contains('&', StringComparison.Ordinal)
            ? new() { Path = Unescape(query[Socket.Length..]) }
            : throw NotValid();

    private static (string Head, string? Tail) SplitOff(string text, char separator) =>
        text.IndexOf(separator, StringComparison.Ordinal) is var at and >= 0 ? (text[..at], text[(at + 1)..]) : (text, null);

    private static string Unescape(string text) => Uri.UnescapeDataString(text);

    private static BlockException NotValid() => new(BlockErrorKind.InvalidArgument, "No valid URL specified");
}
