// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Net;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Ssh.Naming;

/// <summary>ssh://[USER@]HOST[:PORT]/PATH[?host_key_check=SETTING].</summary>
internal static class SshUrl
{
    private const string Scheme = "ssh://";
    private const string CheckParameter = "host_key_check=";

    /// <exception cref="BlockException">It is none; QEMU's texts.</exception>
    public static JsonElement Parse(string url)
    {
        if (!url.StartsWith(Scheme, StringComparison.Ordinal))
            throw Invalid("missing hostname in URI");
        var (rest, query) = Cut(url[Scheme.Length..], '?');
        var (authority, path) = Cut(rest, '/');
        var at = authority.LastIndexOf('@');
        var user = at > 0 ? authority[..at] : null;
        var (host, port) = Place(authority[(at + 1)..]);
        if (host.Length == 0)
            throw Invalid("missing hostname in URI");
        if (path is null)
            throw Invalid("missing remote path in URI");
        return QmpJson.WriteObject(writer =>
        {
            SshOptionText.WriteServer(writer, Uri.UnescapeDataString(host), port);
            writer.WriteString("path", "/" + Uri.UnescapeDataString(path));
            if (user is not null)
                writer.WriteString("user", Uri.UnescapeDataString(user));
            if (Check(query) is { } check)
                SshOptionText.WriteCheck(writer, check);
        });
    }

    /// <summary>The name that opens the file again; null: no such name says all.</summary>
    public static string? Of(SshOptions options)
    {
        if (!options.Path.StartsWith('/'))
            return null;
        var name = new StringBuilder(Scheme);
        if (options.User is { } user)
            name.Append(Uri.EscapeDataString(user)).Append('@');
        var host = options.Server.Host;
        name.Append(host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host).Append(':').Append(options.Server.Port);
        name.AppendJoin('/', options.Path.Split('/').Select(Uri.EscapeDataString));
        return name.Append(options.HostKeyCheck switch
        {
            SshNoHostKeyCheck => "?host_key_check=no",
            SshHostKeyHash hash => $"?host_key_check={hash.Type.ToString().ToLowerInvariant()}:{hash.Hash}",
            _ => "",
        }).ToString();
    }

    private static (string Host, string Port) Place(string text)
    {
        var isBracketed = text.StartsWith('[') && text.Contains(']', StringComparison.Ordinal);
        var end = text.IndexOf(isBracketed ? ']' : ':', StringComparison.Ordinal) + (isBracketed ? 1 : 0);
        if (end < 0)
            return (text, SshOptionText.DefaultPort);
        var host = isBracketed ? text[1..(end - 1)] : text[..end];
        var port = end < text.Length ? text[(end + 1)..] : "";
        if (port.Length > 0 && !ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            throw Invalid("invalid port in URI");
        return (host, port.Length > 0 ? port : SshOptionText.DefaultPort);
    }

    /// <summary>Other parameters say nothing to this driver, nor to QEMU's.</summary>
    private static string? Check(string? query) => query?.Split('&')
        .Where(parameter => parameter.StartsWith(CheckParameter, StringComparison.Ordinal))
        .Select(parameter => Uri.UnescapeDataString(parameter[CheckParameter.Length..]))
        .FirstOrDefault();

    private static (string Head, string? Tail) Cut(string text, char separator) =>
        text.IndexOf(separator, StringComparison.Ordinal) is var at and >= 0 ? (text[..at], text[(at + 1)..]) : (text, null);

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
