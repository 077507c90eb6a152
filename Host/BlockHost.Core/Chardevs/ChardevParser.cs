// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Core.Objects;
using BlockHost.Net;
using BlockHost.Qmp;

namespace BlockHost.Core.Chardevs;

/// <summary>Reads "--chardev socket,id=mon0,path=/run/x,server=on,wait=off"; texts of errors are QEMU's.</summary>
public static class ChardevParser
{
    private static readonly string[] KnownOptions =
    [
        "backend", "id", "path", "abstract", "tight", "host", "port", "fd", "to", "ipv4", "ipv6", "nodelay", "keep-alive",
        "server", "wait", "reconnect", "tls-creds", "tls-authz", "signal", "mux", "logfile", "logappend",
        "append",
    ];

    /// <summary>Those of backends that plugins provide.</summary>
    private static readonly string[] BackendsOptions =
        ["input-path", "size", "localaddr", "localport", "cols", "rows", "width", "height", "telnet", "tn3270", "websocket", "chardev"];

    /// <summary>An option that no backend has; null: there is none.</summary>
    public static string? UnknownOption(string text) =>
        Split(text).Keys.FirstOrDefault(name => !KnownOptions.Contains(name) && !BackendsOptions.Contains(name));

    public static ChardevOptions Parse(string text)
    {
        var options = Split(text);
        if (!options.TryGetValue("id", out var id))
            throw new QmpException("chardev: no id specified");
        if (!Identifier.IsWellFormed(id))
            throw new QmpException(ParameterFault.OutOfRange("id", "an identifier"));
        var backend = options.GetValueOrDefault("backend") ?? throw new QmpException("chardev: \"" + id + "\" missing backend");
        options.Remove("id");
        options.Remove("backend");
        if (backend is not ("stdio" or "socket"))
            return new PluginChardevOptions(id, backend, options);
        RefuseUnknown(options);
        return backend == "stdio" ? new StdioChardevOptions(id) : Socket(id, options);
    }

    /// <summary>Those of a plugin's backend are its to judge.</summary>
    private static void RefuseUnknown(Dictionary<string, string> options)
    {
        if (options.Keys.FirstOrDefault(name => !KnownOptions.Contains(name)) is { } unknown)
            throw new QmpException($"Invalid parameter '{unknown}'");
        foreach (var name in new[] { "mux", "logfile" })
        {
            if (options.ContainsKey(name))
                throw new QmpException($"chardev: option '{name}' is not available");
        }
    }

    private static SocketChardevOptions Socket(string id, Dictionary<string, string> options)
    {
        var server = Bool(options, "server") ?? false;
        if (!server && options.ContainsKey("wait"))
            throw new QmpException("'wait' option is incompatible with socket in client connect mode");
        if (server && options.ContainsKey("reconnect"))
            throw new QmpException("'reconnect' option is incompatible with socket in server listen mode");
        return new SocketChardevOptions(id, Address(options))
        {
            Server = server,
            Wait = server && (Bool(options, "wait") ?? true),
            ReconnectSeconds = (int)Math.Min(Number(options, "reconnect") ?? 0, int.MaxValue / 1000),
            TlsCredentials = options.GetValueOrDefault("tls-creds"),
            TlsAuthorization = options.GetValueOrDefault("tls-authz"),
        };
    }

    private static SocketAddress Address(Dictionary<string, string> options)
    {
        var path = options.GetValueOrDefault("path");
        var host = options.GetValueOrDefault("host");
        var fd = options.GetValueOrDefault("fd");
        if (new[] { path, host, fd }.Count(value => value is not null) > 1)
            throw new QmpException("None or one of 'path', 'fd' or 'host' option required.");
        if (path is not null)
            return new UnixSocketAddress { Path = path, Abstract = Bool(options, "abstract"), Tight = Bool(options, "tight") };
        return host is null ? new FdSocketAddress { Str = fd ?? "" } : Inet(host, options);
    }

    private static InetSocketAddress Inet(string host, Dictionary<string, string> options) => new()
    {
        Host = host,
        Port = options.GetValueOrDefault("port") ?? throw new QmpException("chardev: socket: no port given"),
        To = Number(options, "to") is { } to ? (ushort)Math.Min(to, ushort.MaxValue) : null,
        Ipv4 = Bool(options, "ipv4"),
        Ipv6 = Bool(options, "ipv6"),
        KeepAlive = Bool(options, "keep-alive"),
    };

    /// <summary>Comma-separated options: ",," stands for a comma, "name" for name=on, "noname" for name=off.</summary>
    private static Dictionary<string, string> Split(string text)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var item in Items(text))
        {
            var equals = item.IndexOf('=', StringComparison.Ordinal);
            var (name, value) = equals >= 0 ? (item[..equals], item[(equals + 1)..])
                : options.Count == 0 ? ("backend", item)
                : item.StartsWith("no", StringComparison.Ordinal) && KnownOptions.Contains(item[2..]) ? (item[2..], "off")
                : (item, "on");
            options[name] = value;
        }

        return options;
    }

    private static IEnumerable<string> Items(string text) =>
        text.Replace(",,", "\0", StringComparison.Ordinal).Split(',', StringSplitOptions.RemoveEmptyEntries)
            .Select(item => item.Replace('\0', ','));

    private static bool? Bool(Dictionary<string, string> options, string name) => options.GetValueOrDefault(name) switch
    {
        null => null,
        "on" => true,
        "off" => false,
        _ => throw new QmpException(ParameterFault.OutOfRange(name, "'on' or 'off'")),
    };

    private static long? Number(Dictionary<string, string> options, string name)
    {
        if (options.GetValueOrDefault(name) is not { } text)
            return null;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new QmpException(ParameterFault.OutOfRange(name, "a number"));
    }
}
