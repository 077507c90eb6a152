// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Net;

namespace BlockHost.Plugins.Block.Nbd.Naming;

/// <summary>A server's address and the export there, as file names give them.</summary>
internal readonly record struct NbdTarget(SocketAddress Server, string Export);

/// <summary>
/// File names of exports:
/// <code>
///   nbd://HOST[:PORT]/EXPORT    nbd+tcp://…        nbd+unix:///EXPORT?socket=PATH
///   nbd:HOST:PORT[:exportname=EXPORT]              nbd:unix:PATH[:exportname=EXPORT]
/// </code>
/// </summary>
internal static class NbdFileName
{
    public const string DefaultPort = "10809";

    private const string Prefix = "nbd:";
    private const string ExportName = ":exportname=";
    private const string UnixPrefix = "unix:";

    /// <exception cref="BlockException">It names no export; QEMU's texts.</exception>
    public static NbdTarget Parse(string fileName) =>
        fileName.Contains("://", StringComparison.Ordinal) ? NbdUri.Parse(fileName) : ParseColons(fileName);

    /// <summary>The name that leads there again; null where there is none.</summary>
    public static string? Of(SocketAddress server, string? export)
    {
        export ??= "";
        return server switch
        {
            UnixSocketAddress { Abstract: not true } unix =>
                export.Length == 0 ? $"nbd+unix://?socket={unix.Path}" : $"nbd+unix:///{export}?socket={unix.Path}",
            InetSocketAddress { To: null, Ipv4: null, Ipv6: null } inet =>
                export.Length == 0 ? $"nbd://{Host(inet)}" : $"nbd://{Host(inet)}/{export}",
            _ => null,
        };
    }

    private static string Host(InetSocketAddress inet) => $"{inet.Host}:{inet.Port}";

    private static NbdTarget ParseColons(string fileName)
    {
        var (address, export) = (fileName, "");
        if (fileName.IndexOf(ExportName, StringComparison.Ordinal) is var at and >= 0)
        {
            export = fileName[(at + ExportName.Length)..];
            // As QEMU's: an export name that is given and empty is a mistake.
            if (export.Length == 0)
                throw Invalid("NBD server address missing");
            address = fileName[..at];
        }

        var host = address.StartsWith(Prefix, StringComparison.Ordinal) ? address[Prefix.Length..] : "";
        if (host.Length == 0)
            throw Invalid("NBD server address missing");
        return new(
            host.StartsWith(UnixPrefix, StringComparison.Ordinal)
                ? new UnixSocketAddress { Path = host[UnixPrefix.Length..] }
                : Inet(host),
            export);
    }

    /// <summary>HOST:PORT, where a host in brackets may hold colons.</summary>
    private static InetSocketAddress Inet(string text)
    {
        var end = text.StartsWith('[')
            ? text.IndexOf(']', StringComparison.Ordinal) + 1
            : text.IndexOf(':', StringComparison.Ordinal);
        if (end < 0 || end >= text.Length - 1 || text[end] != ':')
            throw Invalid($"error parsing address '{text}'");
        var host = text[..end];
        return new() { Host = host.StartsWith('[') ? host[1..^1] : host, Port = text[(end + 1)..] };
    }

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
