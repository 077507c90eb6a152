// SPDX-License-Identifier: MIT
using System.ComponentModel;
using System.Globalization;
using System.IO.Pipes;
using System.Net;
using System.Net.Sockets;
using BlockHost.Block;
using BlockHost.Net;
using BlockHost.Posix;
using BlockHost.Qmp;
using Microsoft.Win32.SafeHandles;
using SocketAddress = BlockHost.Net.SocketAddress;

namespace BlockHost.Plugins.Commands.Migration.Channels;

/// <summary>Opens channels. What a client hands over is taken at once; peers may let wait.</summary>
internal static class ChannelOpening
{
    /// <summary>What opens the channel out, later and in the background.</summary>
    /// <exception cref="QmpException">There is nothing to open; QEMU's texts.</exception>
    public static Func<CancellationToken, ValueTask<MigrationChannel>> Outgoing(MigrationUri uri, IPassedDescriptors descriptors)
    {
        switch (uri)
        {
            case SocketUri { Address: var address }:
                return async token => new SocketChannel(await SocketFactory.ConnectAsync(address, token).ConfigureAwait(false));
            case DescriptorUri { Name: var name }:
                var taken = OfDescriptor(Take(name, descriptors), isOutput: true);
                return _ => new(taken);
            case CommandUri { Command: var command }:
                return _ => new(Start(command, isOutput: true));
            case FileUri file:
                var opened = OpenFile(file, isOutput: true);
                return _ => new(opened);
            default:
                throw new ArgumentOutOfRangeException(nameof(uri));
        }
    }

    /// <summary>Where the channel in comes from.</summary>
    /// <exception cref="QmpException">There is no such source; QEMU's texts.</exception>
    /// <exception cref="BlockException">Nobody can be listened to there.</exception>
    public static IncomingSource Incoming(MigrationUri uri, IPassedDescriptors descriptors) => uri switch
    {
        SocketUri { Address: var address } => IncomingSource.Listening(SocketFactory.Listen(address, backlog: 1), address),
        DescriptorUri { Name: var name } => IncomingSource.Of(OfDescriptor(Take(name, descriptors), isOutput: false)),
        CommandUri { Command: var command } => IncomingSource.Of(Start(command, isOutput: false)),
        FileUri file => IncomingSource.Of(OpenFile(file, isOutput: false)),
        _ => throw new ArgumentOutOfRangeException(nameof(uri)),
    };

    private static CommandChannel Start(string command, bool isOutput)
    {
        try
        {
            return CommandChannel.Start(command, isOutput);
        }
        catch (Win32Exception e)
        {
            throw new QmpException($"Unable to fork: {e.Message}");
        }
    }

    private static int Take(string name, IPassedDescriptors descriptors)
    {
        if (name.Length > 0 && name.All(char.IsAsciiDigit)
            && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            return number;
        return descriptors.Take(name) ?? throw new QmpException($"File descriptor named '{name}' has not been found");
    }

    private static MigrationChannel OfDescriptor(int descriptor, bool isOutput)
    {
        var type = FileDescriptor.TryStatus($"/proc/self/fd/{descriptor}")?.Type
            ?? throw new QmpException($"File descriptor '{descriptor}' is not open");
        if (type == FileType.Socket)
            return new SocketChannel(new Socket(new SafeSocketHandle(descriptor, ownsHandle: true)));
        Stream stream = type == FileType.Regular
            ? new FileStream(new SafeFileHandle(descriptor, ownsHandle: true), isOutput ? FileAccess.Write : FileAccess.Read, 0)
            : new AnonymousPipeClientStream(
                isOutput ? PipeDirection.Out : PipeDirection.In, new SafePipeHandle(descriptor, ownsHandle: true));
        return new MigrationChannel(stream, isTwoWay: false);
    }

    private static MigrationChannel OpenFile(FileUri file, bool isOutput)
    {
        try
        {
            var mode = !isOutput ? FileMode.Open : file.Offset == 0 ? FileMode.Create : FileMode.OpenOrCreate;
            var stream = new FileStream(file.Path, new FileStreamOptions
            {
                Mode = mode,
                Access = isOutput ? FileAccess.Write : FileAccess.Read,
                Share = FileShare.ReadWrite,
                BufferSize = 0,
            });
            stream.Position = file.Offset;
            return new MigrationChannel(stream, isTwoWay: false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            var reason = e switch
            {
                FileNotFoundException or DirectoryNotFoundException => "No such file or directory",
                UnauthorizedAccessException => "Permission denied",
                _ => e.Message,
            };
            throw new QmpException($"Unable to open '{file.Path}': {reason}");
        }
    }
}

/// <summary>A channel that is there, or a socket that waits for its one client.</summary>
internal sealed class IncomingSource : IDisposable
{
    private readonly MigrationChannel? _channel;
    private readonly Socket? _listener;

    private IncomingSource(MigrationChannel? channel, Socket? listener, SocketAddress? address) =>
        (_channel, _listener, Address) = (channel, listener, address);

    /// <summary>Where a client is waited for; null: none is.</summary>
    public SocketAddress? Address { get; }

    public static IncomingSource Of(MigrationChannel channel) => new(channel, null, null);

    public static IncomingSource Listening(Socket socket, SocketAddress address) => new(null, socket, socket.LocalEndPoint switch
    {
        IPEndPoint point => new InetSocketAddress
        {
            Host = point.Address.IsIPv4MappedToIPv6 ? point.Address.MapToIPv4().ToString() : point.Address.ToString(),
            Port = point.Port.ToString(CultureInfo.InvariantCulture),
        },
        _ => address,
    });

    public async ValueTask<MigrationChannel> OpenAsync(CancellationToken cancellationToken)
    {
        if (_channel is not null)
            return _channel;
        using var listener = _listener!;
        return new SocketChannel(await listener.AcceptAsync(cancellationToken).ConfigureAwait(false));
    }

    public void Dispose() => _listener?.Dispose();
}
