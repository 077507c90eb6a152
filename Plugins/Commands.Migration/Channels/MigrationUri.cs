// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Net;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Migration.Channels;

/// <summary>Where a stream goes or comes from.</summary>
internal abstract record MigrationUri
{
    private static readonly string[] Protocols = ["tcp", "unix", "fd", "exec", "file"];

    /// <summary>Whose it is by its name; null: it has none.</summary>
    public virtual string? HostName => null;

    public static bool IsKnown(string uri) => Protocols.Contains(uri.Split(':', 2)[0]) && uri.Contains(':');

    /// <param name="uri">One whose protocol is known.</param>
    /// <exception cref="QmpException">It cannot be; QEMU's texts.</exception>
    public static MigrationUri Parse(string uri)
    {
        var rest = uri[(uri.IndexOf(':') + 1)..];
        return uri.Split(':', 2)[0] switch
        {
            "tcp" => new SocketUri(Inet(rest)),
            "unix" => new SocketUri(new UnixSocketAddress { Path = rest }),
            "fd" => new DescriptorUri(rest),
            "exec" => new CommandUri(rest),
            _ => File(rest),
        };
    }

    /// <summary>"host:port", ":port" or "[IPv6 address]:port", and options that follow after commas.</summary>
    private static InetSocketAddress Inet(string text)
    {
        var parts = text.Split(',');
        var address = parts[0];
        var end = address.StartsWith('[') ? address.IndexOf("]:", StringComparison.Ordinal) + 1 : address.IndexOf(':');
        if (end < 0 || (end == 0 && address.StartsWith('[')))
            throw new QmpException($"error parsing {(address.StartsWith('[') ? "IPv6 " : "")}address '{text}'");
        if (end == address.Length - 1)
            throw new QmpException($"error parsing port in address '{text}'");
        var inet = new InetSocketAddress { Host = address[..end].Trim('[', ']'), Port = address[(end + 1)..] };
        foreach (var option in parts.Skip(1))
            inet = With(inet, option, text);
        return inet;
    }

    private static InetSocketAddress With(InetSocketAddress inet, string option, string text) => option.Split('=') switch
    {
        ["to", var to] when ushort.TryParse(to, NumberStyles.None, CultureInfo.InvariantCulture, out var port) =>
            inet with { To = port },
        ["ipv4"] or ["ipv4", "on"] => inet with { Ipv4 = true },
        ["ipv4", "off"] => inet with { Ipv4 = false },
        ["ipv6"] or ["ipv6", "on"] => inet with { Ipv6 = true },
        ["ipv6", "off"] => inet with { Ipv6 = false },
        ["keep-alive"] or ["keep-alive", "on"] => inet with { KeepAlive = true },
        ["keep-alive", "off"] => inet with { KeepAlive = false },
        _ => throw new QmpException($"error parsing address '{text}'"),
    };

    /// <summary>"name" or "name,offset=number".</summary>
    private static FileUri File(string text)
    {
        const string option = ",offset=";
        var at = text.LastIndexOf(option, StringComparison.Ordinal);
        if (at < 0)
            return new FileUri(text, 0);
        var number = text[(at + option.Length)..];
        var isHex = number.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        return long.TryParse(
            isHex ? number[2..] : number, isHex ? NumberStyles.HexNumber : NumberStyles.None,
            CultureInfo.InvariantCulture, out var offset) && offset >= 0
            ? new FileUri(text[..at], offset)
            : throw new QmpException($"file URI has bad offset {number}");
    }
}

internal sealed record SocketUri(SocketAddress Address) : MigrationUri
{
    public override string? HostName => (Address as InetSocketAddress)?.Host;
}

/// <param name="Name">A client's, or a number.</param>
internal sealed record DescriptorUri(string Name) : MigrationUri;

internal sealed record CommandUri(string Command) : MigrationUri;

internal sealed record FileUri(string Path, long Offset) : MigrationUri;
