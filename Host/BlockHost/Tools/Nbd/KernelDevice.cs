// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.CommandLine;
using BlockHost.Nbd;
using BlockHost.Posix;

namespace BlockHost.Tools.Nbd;

/// <summary>
/// -c and -d: a device of the kernel's NBD client (/dev/nbd0), set up by the requests of its ioctl interface.
/// <code>
///   SET_SOCK ─► SET_BLKSIZE ─► SET_SIZE_BLOCKS ─► SET_FLAGS ─► DO_IT, which returns when the device is disconnected
/// </code>
/// </summary>
internal sealed class KernelDevice : IDisposable
{
    private const uint SetSocket = 0xab00;
    private const uint SetBlockSize = 0xab01;
    private const uint DoIt = 0xab03;
    private const uint ClearSocket = 0xab04;
    private const uint ClearQueue = 0xab05;
    private const uint SetSizeInBlocks = 0xab07;
    private const uint DisconnectRequest = 0xab08;
    private const uint SetFlags = 0xab0a;
    private const uint SetReadOnly = 0x125d;

    private const int BlockSize = 512;

    private readonly Socket _socket;
    private readonly int _device;

    private KernelDevice(Socket socket, int device)
    {
        _socket = socket;
        _device = device;
        Ended = Task.Factory.StartNew(Serve, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Completes when the device is disconnected.</summary>
    public Task Ended { get; }

    /// <exception cref="ToolException">The device cannot be opened or set up.</exception>
    public static async ValueTask<KernelDevice> ConnectAsync(
        string path, string socketPath, NbdOptions options, CancellationToken cancellationToken)
    {
        var device = Libc.open(path, OpenFlags.ReadWrite, 0);
        if (device < 0)
            throw new ToolException($"Failed to open {path}: {SystemError.Text(SystemError.Last)}");
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken);
            await using var stream = new NetworkStream(socket, ownsSocket: false);
            var handshake = new NbdHandshake(stream);
            await handshake.GreetAsync(cancellationToken);
            // The kernel takes simple replies only.
            var (export, _, _) = await handshake.EnterAsync(options.ExportName, context: null, simple: true, cancellationToken);
            SetUp(device, (int)socket.Handle, (long)export.Size, (int)export.Flags);
            return new KernelDevice(socket, device);
        }
        catch
        {
            socket.Dispose();
            Libc.close(device);
            throw;
        }
    }

    /// <summary>-d.</summary>
    /// <exception cref="ToolException">The device cannot be opened.</exception>
    public static void Disconnect(string path)
    {
        var device = Libc.open(path, OpenFlags.ReadWrite, 0);
        if (device < 0)
            throw new ToolException($"Cannot open {path}: {SystemError.Text(SystemError.Last)}");
        Disconnect(device);
        Libc.close(device);
    }

    public void Stop() => Disconnect(_device);

    public void Dispose()
    {
        _socket.Dispose();
        Libc.close(_device);
    }

    private static void Disconnect(int device)
    {
        Libc.ioctl(device, ClearQueue, 0);
        Libc.ioctl(device, DisconnectRequest, 0);
        Libc.ioctl(device, ClearSocket, 0);
    }

    private static void SetUp(int device, int socket, long size, int flags)
    {
        const int readOnlyFlag = 2;
        Request(device, SetSocket, socket, "Failed to set NBD socket");
        Request(device, SetBlockSize, BlockSize, "Failed setting NBD block size");
        Request(device, SetSizeInBlocks, (nint)(size / BlockSize), "Failed setting size (in blocks)");
        Libc.ioctl(device, SetFlags, flags);
        if ((flags & readOnlyFlag) != 0)
            MakeReadOnly(device);
    }

    private static unsafe void MakeReadOnly(int device)
    {
        var on = 1;
        Request(device, SetReadOnly, (nint)(&on), "Failed setting read-only attribute");
    }

    private static void Request(int device, uint request, nint argument, string failure)
    {
        if (Libc.ioctl(device, request, argument) < 0)
            throw new ToolException(failure);
    }

    private void Serve()
    {
        Libc.ioctl(_device, DoIt, 0);
        Libc.ioctl(_device, ClearQueue, 0);
        Libc.ioctl(_device, ClearSocket, 0);
    }
}
