// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Chardevs;
using BlockHost.Net;
using BlockHost.Plugins.Chardev.Standard.Devices;
using BlockHost.Qmp;
using Device = BlockHost.Chardevs.Chardev;

namespace BlockHost.Plugins.Chardev.Standard.Backends;

/// <summary>"udp": each write is a datagram to the remote address, and what comes from there is read.</summary>
internal sealed class UdpBackend : ChardevBackend<UdpOptions>
{
    public override string BackendName => "udp";

    protected override JsonTypeInfo<UdpOptions> TypedOptionsType => StandardJson.Default.UdpOptions;

    public override JsonObject FromCommandLine(IReadOnlyDictionary<string, string> options)
    {
        var data = CommandLineOptions.Rename(
            options.Where(option => option.Key is not ("host" or "port" or "localaddr" or "localport" or "ipv4" or "ipv6"))
                .ToDictionary());
        data["remote"] = Inet(
            options.GetValueOrDefault("host") is { Length: > 0 } host ? host : "localhost",
            options.GetValueOrDefault("port") ?? throw new QmpException("chardev: udp: remote port not specified"),
            options);
        if (options.ContainsKey("localaddr") || options.ContainsKey("localport"))
            data["local"] = Inet(
                options.GetValueOrDefault("localaddr") ?? "", options.GetValueOrDefault("localport") ?? "0", options);
        return data;
    }

    protected override async ValueTask<Device> OpenAsync(
        IChardevContext context, UdpOptions options, CancellationToken cancellationToken)
    {
        if (options.Remote.Address is not InetSocketAddress remote)
            throw new QmpException("socket type unsupported for datagram");
        var to = await ResolveAsync(remote, cancellationToken).ConfigureAwait(false);
        var socket = new Socket(to.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            if (options.Local?.Address is InetSocketAddress local)
                socket.Bind(await LocalAsync(local, to, cancellationToken).ConfigureAwait(false));
            await socket.ConnectAsync(to, cancellationToken).ConfigureAwait(false);
            return new StreamDevice(context.Id, "udp", "udp", () => new DatagramStream(socket));
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new QmpException(
                QmpErrorClass.GenericError,
                $"Failed to connect to '{remote.Host}:{remote.Port}': {SocketAddressText.Describe(e, remote)}",
                e);
        }
    }

    private static JsonObject Inet(string host, string port, IReadOnlyDictionary<string, string> options)
    {
        var data = new JsonObject { ["host"] = host, ["port"] = port };
        foreach (var family in (string[])["ipv4", "ipv6"])
        {
            if (options.TryGetValue(family, out var wanted))
                data[family] = wanted;
        }

        return new JsonObject { ["type"] = "inet", ["data"] = data };
    }

    private static async ValueTask<IPEndPoint> LocalAsync(
        InetSocketAddress local, IPEndPoint to, CancellationToken cancellationToken)
    {
        if (local.Host.Length > 0)
            return await ResolveAsync(local, cancellationToken).ConfigureAwait(false);
        var any = to.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any;
        return new IPEndPoint(any, Port(local));
    }

    private static async ValueTask<IPEndPoint> ResolveAsync(InetSocketAddress address, CancellationToken cancellationToken)
    {
        var port = Port(address);
        try
        {
            var found = IPAddress.TryParse(address.Host, out var known)
                ? [known]
                : await Dns.GetHostAddressesAsync(address.Host, cancellationToken).ConfigureAwait(false);
            return new IPEndPoint(Array.Find(found, ip => IsWanted(ip, address)) ?? throw NotResolved(address), port);
        }
        catch (SocketException)
        {
            throw NotResolved(address);
        }
    }

    private static bool IsWanted(IPAddress found, InetSocketAddress address) =>
        found.AddressFamily == AddressFamily.InterNetworkV6
            ? address.Ipv6 ?? address.Ipv4 is not true
            : address.Ipv4 ?? address.Ipv6 is not true;

    private static ushort Port(InetSocketAddress address) =>
        ushort.TryParse(address.Port, out var port) ? port : throw NotResolved(address);

    private static QmpException NotResolved(InetSocketAddress address) =>
        new($"address resolution failed for {address.Host}:{address.Port}: Name or service not known");
}
