// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Export.Nbd.Server;

internal enum ReceiveResult
{
    Received,
    Nothing,
    Closed,
}

/// <summary>
/// What a client has sent and nobody has taken yet. Small payloads are used where they were received; the payload of
/// a large request is received straight into its own buffer (<see cref="BeginLarge"/>), with what follows it going
/// into the chunk by the same call.
/// </summary>
internal sealed unsafe class ReceiveBuffer(BufferPool pool)
{
    /// <summary>Payloads above this get a buffer of their own.</summary>
    public const int SmallLimit = 64 << 10;

    private PinnedBuffer? _chunk;
    private int _start;
    private int _end;
    private PinnedBuffer? _large;
    private int _largeLength;
    private int _largeFilled;

    public int Available => _end - _start;

    public ReadOnlySpan<byte> Unread => _chunk is null ? default : _chunk.Span(_start, Available);

    public bool LargePending => _large is not null;

    public bool LargeComplete => _largeFilled == _largeLength;

    /// <summary>Receives once, as much as there is room for.</summary>
    public ReceiveResult Receive(int fd)
    {
        MakeRoom();
        var blocks = stackalloc IoVec[2];
        var n = 0;
        if (_large is not null && _largeFilled < _largeLength)
            blocks[n++] = new() { Base = _large.Pointer + _largeFilled, Length = (nuint)(_largeLength - _largeFilled) };
        blocks[n++] = new() { Base = _chunk!.Pointer + _end, Length = (nuint)(_chunk.Capacity - _end) };
        var message = new MessageHeader { Blocks = blocks, BlockCount = n };
        var received = Libc.recvmsg(fd, &message, Libc.MSG_DONTWAIT);
        if (received > 0)
        {
            Distribute((int)received);
            return ReceiveResult.Received;
        }

        return received < 0 && SystemError.Last is Errno.EAGAIN or Errno.EINTR ? ReceiveResult.Nothing : ReceiveResult.Closed;
    }

    /// <summary>Begins with what another buffer has received.</summary>
    /// <param name="unread">Less than a chunk.</param>
    public void Put(ReadOnlySpan<byte> unread)
    {
        if (unread.IsEmpty)
            return;
        MakeRoom();
        unread.CopyTo(_chunk!.Span(0, unread.Length));
        _end = unread.Length;
    }

    public void Skip(int bytes) => _start += bytes;

    /// <summary>
    /// Takes <paramref name="length"/> unread bytes in place; the caller holds the buffer until it releases it.
    /// </summary>
    public (PinnedBuffer Buffer, Memory<byte> Bytes) Take(int length)
    {
        var bytes = _chunk!.Slice(_start, length);
        _start += length;
        return (_chunk.Retain(), bytes);
    }

    /// <summary>The next <paramref name="length"/> bytes belong into a buffer of their own, which is taken over.</summary>
    public void BeginLarge(PinnedBuffer buffer, int length)
    {
        _large = buffer;
        _largeLength = length;
        _largeFilled = Math.Min(length, Available);
        Unread[.._largeFilled].CopyTo(_large.Span(0, _largeFilled));
        _start += _largeFilled;
    }

    public (PinnedBuffer Buffer, Memory<byte> Bytes) TakeLarge()
    {
        var taken = (_large!, _large!.Slice(0, _largeLength));
        (_large, _largeLength, _largeFilled) = (null, 0, 0);
        return taken;
    }

    /// <summary>Lets go of an empty chunk, so that an idle connection holds none.</summary>
    public void ReleaseIfEmpty()
    {
        if (Available == 0)
            ReleaseChunk();
    }

    public void Release()
    {
        ReleaseChunk();
        if (_large is not null)
            TakeLarge().Buffer.Release();
    }

    private void ReleaseChunk()
    {
        _chunk?.Release();
        (_chunk, _start, _end) = (null, 0, 0);
    }

    private void Distribute(int received)
    {
        if (_large is not null)
        {
            var n = Math.Min(received, _largeLength - _largeFilled);
            _largeFilled += n;
            received -= n;
        }

        _end += received;
    }

    /// <summary>
    /// Room behind the unread bytes for one small request at least. Requests in flight may still use the chunk: then
    /// what is unread moves to another one.
    /// </summary>
    private void MakeRoom()
    {
        if (_chunk is null)
        {
            _chunk = pool.RentChunk();
            (_start, _end) = (0, 0);
        }
        else if (Available == 0 && _chunk.IsExclusive)
        {
            (_start, _end) = (0, 0);
        }
        else if (_chunk.Capacity - _start < 2 * SmallLimit || _end == _chunk.Capacity)
        {
            MoveUnread();
        }
    }

    private void MoveUnread()
    {
        var target = _chunk!.IsExclusive ? _chunk : pool.RentChunk();
        var unread = Available;
        Unread.CopyTo(target.Span(0, unread));
        if (!ReferenceEquals(target, _chunk))
            _chunk.Release();
        (_chunk, _start, _end) = (target, 0, unread);
    }
}
