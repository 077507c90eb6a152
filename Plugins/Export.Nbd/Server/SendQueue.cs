// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>
/// Replies that wait to be sent, in order. Neighbours in one buffer are one segment, so the replies of a batch of
/// small requests leave as one block of memory.
/// </summary>
internal sealed unsafe class SendQueue
{
    private const int BlocksPerCall = 64;

    private Segment[] _ring = new Segment[16];
    private int _head;
    private int _count;

    /// <summary>Bytes not yet taken by the socket.</summary>
    public long Pending { get; private set; }

    /// <summary>Adds bytes of a buffer; the queue takes over one hold on it.</summary>
    public void Append(PinnedBuffer buffer, int start, int length)
    {
        Pending += length;
        if (_count > 0)
        {
            ref var last = ref _ring[(_head + _count - 1) & (_ring.Length - 1)];
            if (ReferenceEquals(last.Buffer, buffer) && last.Start + last.Length == start)
            {
                last.Length += length;
                buffer.Release();
                return;
            }
        }

        if (_count == _ring.Length)
            Grow();
        _ring[(_head + _count++) & (_ring.Length - 1)] = new() { Buffer = buffer, Start = start, Length = length };
    }

    /// <summary>Sends what the socket takes. False: the connection is broken.</summary>
    public bool Flush(int fd)
    {
        var blocks = stackalloc IoVec[BlocksPerCall];
        while (_count > 0)
        {
            var message = new MessageHeader { Blocks = blocks, BlockCount = Gather(blocks) };
            var sent = Libc.sendmsg(fd, &message, Libc.MSG_NOSIGNAL | Libc.MSG_DONTWAIT);
            if (sent >= 0)
                Sent(sent);
            else if (SystemError.Last == Errno.EAGAIN)
                return true;
            else if (SystemError.Last != Errno.EINTR)
                return false;
        }

        return true;
    }

    /// <summary>Forgets everything, for a connection that ends.</summary>
    public void Clear()
    {
        while (_count > 0)
            RemoveFirst();
        Pending = 0;
    }

    private int Gather(IoVec* blocks)
    {
        var n = Math.Min(_count, BlocksPerCall);
        for (var i = 0; i < n; i++)
        {
            ref var segment = ref _ring[(_head + i) & (_ring.Length - 1)];
            blocks[i] = new() { Base = segment.Buffer.Pointer + segment.Start, Length = (nuint)segment.Length };
        }

        return n;
    }

    private void Sent(nint bytes)
    {
        Pending -= bytes;
        while (bytes > 0)
        {
            ref var first = ref _ring[_head];
            if (bytes < first.Length)
            {
                first.Start += (int)bytes;
                first.Length -= (int)bytes;
                return;
            }

            bytes -= first.Length;
            RemoveFirst();
        }
    }

    private void RemoveFirst()
    {
        var buffer = _ring[_head].Buffer;
        _ring[_head] = default;
        _head = (_head + 1) & (_ring.Length - 1);
        _count--;
        buffer.Release();
    }

    private void Grow()
    {
        var larger = new Segment[_ring.Length * 2];
        for (var i = 0; i < _count; i++)
            larger[i] = _ring[(_head + i) & (_ring.Length - 1)];
        (_ring, _head) = (larger, 0);
    }

    private struct Segment
    {
        public PinnedBuffer Buffer;
        public int Start;
        public int Length;
    }
}
