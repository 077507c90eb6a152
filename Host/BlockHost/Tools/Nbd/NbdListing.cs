// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Net.Sockets;
using BlockHost.CommandLine;

namespace BlockHost.Tools.Nbd;

/// <summary>qemu-nbd -L: what another server exports.</summary>
internal static class NbdListing
{
    private static readonly (int Bit, string Name)[] FlagNames =
    [
        (1, "readonly"), (2, "flush"), (3, "fua"), (4, "rotational"), (5, "trim"), (6, "zeroes"), (7, "df"), (8, "multi"), (9, "resize"), (10, "cache"), (11, "fast-zero"),
    ];

    public static async Task PrintAsync(ToolConsole console, NbdOptions options, CancellationToken cancellationToken)
    {
        using var socket = await ConnectAsync(options, cancellationToken);
        await using var stream = new NetworkStream(socket);
        try
        {
            var client = new NbdListClient(stream);
            var exports = await client.ListAsync(cancellationToken);
            console.Out.Write($"exports available: {exports.Count}\n");
            foreach (var export in exports)
                Print(console.Out, export);
        }
        catch (Exception e) when (e is EndOfStreamException or InvalidDataException)
        {
            throw new ToolException($"Failed to list exports: {e.Message}");
        }
    }

    private static async ValueTask<Socket> ConnectAsync(NbdOptions options, CancellationToken cancellationToken)
    {
        var socket = options.Socket is null
            ? new Socket(SocketType.Stream, ProtocolType.Tcp)
            : new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            if (options.Socket is { } path)
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
            else
                await socket.ConnectAsync(options.Bind, int.Parse(options.Port, CultureInfo.InvariantCulture), cancellationToken);
            return socket;
        }
        catch (Exception e) when (e is SocketException or FormatException)
        {
            socket.Dispose();
            var reason = (e as SocketException)?.SocketErrorCode == SocketError.ConnectionRefused ? "Connection refused" : e.Message;
            throw new ToolException($"Failed to connect to '{options.Socket ?? $"{options.Bind}:{options.Port}"}': {reason}");
        }
    }

    private static void Print(TextWriter output, NbdListedExport export)
    {
        output.Write($" export: '{export.Name}'\n");
        if (export.Description.Length > 0)
            output.Write($"  description: {export.Description}\n");
        if (export.Flags is { } flags)
        {
            output.Write($"  size:  {export.Size}\n");
            var names = FlagNames.Where(flag => (flags & (1 << flag.Bit)) != 0).Select(flag => flag.Name);
            output.Write($"  flags: 0x{flags:x} ( {string.Concat(names.Select(name => name + " "))})\n");
        }

        if (export.MinBlock is { } min)
            output.Write($"  min block: {min}\n  opt block: {export.PreferredBlock}\n  max block: {export.MaxBlock}\n");
        if (export.Contexts.Count == 0)
            return;
        output.Write($"  available meta contexts: {export.Contexts.Count}\n");
        foreach (var context in export.Contexts)
            output.Write($"   {context}\n");
    }
}
