// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Core.Descriptors;

/// <summary>
/// A Unix socket whose client sends descriptors with its bytes. The kernel gives those of one message together with its bytes and
/// never with another's, so that they belong to the read that they came with.
/// </summary>
internal class DescriptorSocketStream(Socket socket) : NetworkStream(socket, ownsSocket: true), IReceivesDescriptors
{
    private readonly bool _isUnix = socket.AddressFamily == AddressFamily.Unix;
    private ReceivedDescriptors? _received;

    public ReceivedDescriptors? TakeReceived() => Interlocked.Exchange(ref _received, null);

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        if (!_isUnix)
            return base.Read(buffer);
        int read;
        do
        {
            Socket.Poll(Timeout.InfiniteTimeSpan, SelectMode.SelectRead);
        }
        while ((read = Receive(buffer)) < 0);
        return read;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!_isUnix)
            return await base.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        int read;
        do
        {
            // A read of nothing completes when there is something to read.
            await base.ReadAsync(Memory<byte>.Empty, cancellationToken).ConfigureAwait(false);
        }
        while ((read = Receive(buffer.Span)) < 0);
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        TakeReceived()?.Dispose();
    }

    /// <returns>-1: there was nothing after all.</returns>
    private int Receive(Span<byte> buffer)
    {
        Span<int> descriptors = stackalloc int[DescriptorPassing.Most];
        var read = (int)DescriptorPassing.Receive(
            (int)Socket.SafeHandle.DangerousGetHandle(), buffer, descriptors, out var count, Libc.MSG_DONTWAIT);
        if (count > 0)
            Interlocked.Exchange(ref _received, new ReceivedDescriptors(descriptors[..count].ToArray()))?.Dispose();
        if (read >= 0)
            return read;
        return SystemError.Last == Errno.EAGAIN
            ? -1
            : throw new IOException(SystemError.Text(SystemError.Last));
    }
}
