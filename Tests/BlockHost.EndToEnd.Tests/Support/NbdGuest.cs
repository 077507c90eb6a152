// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace BlockHost.EndToEnd.Tests.Support;

/// <summary>A guest of an export: one request at a time, and it knows what it was told.</summary>
internal sealed class NbdGuest : IDisposable
{
    private const uint Magic = 0x25609513;
    private const ulong NewStyle = 0x49484156454F5054;
    private const ushort Read = 0;
    private const ushort Write = 1;
    private const ushort Flush = 3;

    private readonly NetworkStream _stream;

    private NbdGuest(NetworkStream stream) => _stream = stream;

    public static async Task<NbdGuest> ConnectAsync(string path, string export)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        var guest = new NbdGuest(new NetworkStream(socket, ownsSocket: true));
        await guest.TakeAsync(18);
        var name = Encoding.UTF8.GetBytes(export);
        var hello = new byte[20 + name.Length];
        BinaryPrimitives.WriteUInt32BigEndian(hello, 3); // fixed new style, no zeroes
        BinaryPrimitives.WriteUInt64BigEndian(hello.AsSpan(4), NewStyle);
        BinaryPrimitives.WriteUInt32BigEndian(hello.AsSpan(12), 1); // the export of that name, at once
        BinaryPrimitives.WriteInt32BigEndian(hello.AsSpan(16), name.Length);
        name.CopyTo(hello, 20);
        await guest._stream.WriteAsync(hello);
        await guest.TakeAsync(10);
        return guest;
    }

    /// <summary>Writes and flushes.</summary>
    /// <returns>False: it was refused.</returns>
    public async Task<bool> WriteAsync(long offset, byte[] data) =>
        await AskAsync(Write, offset, data.Length, data) && await AskAsync(Flush, 0, 0);

    public async Task<byte[]> ReadAsync(long offset, int length)
    {
        Assert.True(await AskAsync(Read, offset, length));
        return await TakeAsync(length);
    }

    public void Dispose() => _stream.Dispose();

    private async Task<bool> AskAsync(ushort command, long offset, int length, byte[]? data = null)
    {
        var request = new byte[28 + (data?.Length ?? 0)];
        BinaryPrimitives.WriteUInt32BigEndian(request, Magic);
        BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(6), command);
        BinaryPrimitives.WriteInt64BigEndian(request.AsSpan(16), offset);
        BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(24), length);
        data?.CopyTo(request, 28);
        await _stream.WriteAsync(request);
        var reply = await TakeAsync(16);
        return BinaryPrimitives.ReadUInt32BigEndian(reply.AsSpan(4)) == 0;
    }

    private async Task<byte[]> TakeAsync(int length)
    {
        var bytes = new byte[length];
        await _stream.ReadExactlyAsync(bytes).AsTask().WaitAsync(TimeSpan.FromSeconds(60));
        return bytes;
    }
}
