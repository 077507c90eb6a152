// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Net;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Nbd.Naming;

/// <summary>
/// Command lines and json: names may say "host" and "port", or "path", in place of "server". No schema has these.
/// </summary>
internal static class LegacyOptions
{
    private static readonly string[] Names = ["host", "port", "path"];

    /// <exception cref="BlockException">They contradict one another, or there is no address at all; QEMU's texts.</exception>
    public static JsonElement Modernise(JsonElement options)
    {
        var (host, port, path) = (Text(options, "host"), Text(options, "port"), Text(options, "path"));
        if (options.TryGetProperty("server", out _))
        {
            return host is null && port is null && path is null
                ? options
                : throw Invalid("Cannot use 'server' and path/host/port at the same time");
        }

        if (path is not null && host is not null)
            throw Invalid("path and host may not be used at the same time");
        if (path is not null && port is not null)
            throw Invalid("port may not be used without host");
        if (path is not null)
            return With(options, new UnixSocketAddress { Path = path });
        if (host is not null)
            return With(options, new InetSocketAddress { Host = host, Port = port ?? NbdFileName.DefaultPort });
        throw Invalid("NBD server address missing");
    }

    /// <summary>The options that a name stands for.</summary>
    public static JsonElement Of(NbdTarget target) => QmpJson.WriteObject(writer =>
    {
        WriteServer(writer, target.Server);
        if (target.Export.Length > 0)
            writer.WriteString("export", target.Export);
    });

    private static JsonElement With(JsonElement options, SocketAddress server) => QmpJson.WriteObject(writer =>
    {
        WriteServer(writer, server);
        foreach (var member in options.EnumerateObject())
        {
            if (!Names.Contains(member.Name))
                member.WriteTo(writer);
        }
    });

    private static void WriteServer(Utf8JsonWriter writer, SocketAddress server)
    {
        writer.WriteStartObject("server");
        if (server is UnixSocketAddress unix)
        {
            writer.WriteString("type", "unix");
            writer.WriteString("path", unix.Path);
        }
        else if (server is InetSocketAddress inet)
        {
            writer.WriteString("type", "inet");
            writer.WriteString("host", inet.Host);
            writer.WriteString("port", inet.Port);
        }

        writer.WriteEndObject();
    }

    private static string? Text(JsonElement options, string name) =>
        !options.TryGetProperty(name, out var value) ? null : value.ValueKind == JsonValueKind.String ? value.GetString() : value
            .GetRawText();

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
