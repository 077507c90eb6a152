// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Block;
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Net;
using BlockHost.Objects;
using SocketAddress = BlockHost.Net.SocketAddress;

namespace BlockHost.Tools.Nbd;

/// <summary>qemu-nbd -L: what another server exports.</summary>
internal static class NbdListing
{
    private static readonly (int Bit, string Name)[] FlagNames =
    [
        (1, "readonly"), (2, "flush"), (3, "fua"), (4, "rotational"), (5, "trim"), (6, "zeroes"), (7, "df"), (8, "multi"), (9, "resize"), (10, "cache"), (11, "fast-zero"),
    ];

    public static async Task PrintAsync(
        ToolConsole console, NbdOptions options, IHostFactory hosts, CancellationToken cancellationToken)
    {
        await using var host = options.TlsCredentials is null
            ? null
            : await hosts.StartAsync(HostOptions.ForTool, cancellationToken);
        var tls = host is null ? null : await CredentialsAsync(host, options, cancellationToken);
        using var socket = await ConnectAsync(options, cancellationToken);
        await using var stream = new NetworkStream(socket);
        var exports = await NbdListClient.ListAsync(
            stream, tls?.CreateClientOptions(options.TlsHostName ?? options.Bind), cancellationToken);
        console.Out.Write($"exports available: {exports.Count}\n");
        foreach (var export in exports)
            Print(console.Out, export);
    }

    private static async ValueTask<ITlsCredentials> CredentialsAsync(
        RunningHost host, NbdOptions options, CancellationToken cancellationToken)
    {
        foreach (var definition in options.Objects)
            await host.AddObjectAsync(definition, cancellationToken);
        return RequireTls(host.Services.Objects, options.TlsCredentials!, isServer: false);
    }

    /// <exception cref="ToolException">There are no such credentials.</exception>
    internal static ITlsCredentials RequireTls(IUserObjects objects, string id, bool isServer)
    {
        try
        {
            return objects.RequireTls(id, isServer);
        }
        catch (BlockException e)
        {
            throw new ToolException($"Failed to get TLS creds: {e.Message}");
        }
    }

    private static ValueTask<Socket> ConnectAsync(NbdOptions options, CancellationToken cancellationToken) =>
        SocketFactory.ConnectAsync(
        options.Socket is { } path
            ? new UnixSocketAddress { Path = path }
            : new InetSocketAddress { Host = options.Bind, Port = options.Port },
        cancellationToken);

    private static void Print(TextWriter output, NbdListedExport export)
    {
        output.Write($" export: '{export.Name}'\n");
        if (export.Description.Length > 0)
            output.Write($"  description: {export.Description}\n");
        if (export.Info is { } info)
        {
            var flags = (int)info.Flags;
            output.Write($"  size:  {info.Size}\n");
            var names = FlagNames.Where(flag => (flags & (1 << flag.Bit)) != 0).Select(flag => flag.Name);
            output.Write($"  flags: 0x{flags:x} ( {string.Concat(names.Select(name => name + " "))})\n");
        }

        if (export.Info?.BlockSizes is { } sizes)
            output.Write($"  min block: {sizes.Minimum}\n  opt block: {sizes.Preferred}\n  max block: {sizes.Maximum}\n");
        if (export.Contexts.Count == 0)
            return;
        output.Write($"  available meta contexts: {export.Contexts.Count}\n");
        foreach (var context in export.Contexts)
            output.Write($"   {context}\n");
    }
}
