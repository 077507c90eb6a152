// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Ssh.Naming;

/// <summary>
/// Command lines and json: names may say "host", "port" and "host_key_check" in place of "server" and "host-key-check". No schema
/// has these.
/// </summary>
internal static class SshOptionText
{
    public const string DefaultPort = "22";

    private static readonly string[] Older = ["host", "port", "host_key_check"];

    /// <exception cref="BlockException">They contradict one another; QEMU's texts.</exception>
    public static JsonElement Modernise(JsonElement options)
    {
        if (!Older.Any(name => options.TryGetProperty(name, out _)))
            return options;
        var host = Text(options, "host");
        if (host is not null && options.TryGetProperty("server", out _))
            throw new BlockException(
                BlockErrorKind.InvalidArgument, "Parameter 'server' and 'host' may not be used at the same time");
        return QmpJson.WriteObject(writer =>
        {
            if (host is not null)
                WriteServer(writer, host, Text(options, "port") ?? DefaultPort);
            if (Text(options, "host_key_check") is { } check)
                WriteCheck(writer, check);
            foreach (var member in options.EnumerateObject())
            {
                if (!Older.Contains(member.Name))
                    member.WriteTo(writer);
            }
        });
    }

    public static void WriteServer(Utf8JsonWriter writer, string host, string port)
    {
        writer.WriteStartObject("server");
        writer.WriteString("host", host);
        writer.WriteString("port", port);
        writer.WriteEndObject();
    }

    /// <param name="setting">no, yes, md5:HASH, sha1:HASH or sha256:HASH.</param>
    /// <exception cref="BlockException">It is another.</exception>
    public static void WriteCheck(Utf8JsonWriter writer, string setting)
    {
        writer.WriteStartObject("host-key-check");
        if (setting is "no")
        {
            writer.WriteString("mode", "none");
        }
        else if (setting is "yes")
        {
            writer.WriteString("mode", "known_hosts");
        }
        else
        {
            var (type, hash) = setting.IndexOf(':', StringComparison.Ordinal) is var colon and >= 0
                ? (setting[..colon], setting[(colon + 1)..])
                : (setting, "");
            if (type is not ("md5" or "sha1" or "sha256"))
                throw new BlockException(BlockErrorKind.InvalidArgument, $"unknown host_key_check setting ({setting})");
            writer.WriteString("mode", "hash");
            writer.WriteString("type", type);
            writer.WriteString("hash", hash);
        }

        writer.WriteEndObject();
    }

    private static string? Text(JsonElement options, string name) =>
        options.TryGetProperty(name, out var value) ? value.ToString() : null;
}
