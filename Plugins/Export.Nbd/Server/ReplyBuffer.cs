// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>A place for one reply: the header in front, the payload right behind it.</summary>
internal readonly record struct ReplySpace(PinnedBuffer Buffer, int Start, int HeaderLength, int PayloadLength)
{
    public Span<byte> Header => Buffer.Span(Start, HeaderLength);

    public Memory<byte> Payload => Buffer.Slice(Start + HeaderLength, PayloadLength);

    public int Length => HeaderLength + PayloadLength;
}

/// <summary>
/// Hands out places for replies, small ones side by side in a chunk, so that a read lands where it is sent from.
/// </summary>
internal sealed class ReplyBuffer(BufferPool pool)
{
    /// <summary>Replies above this get a buffer of their own.</summary>
    public const int SmallLimit = 64 << 10;

    /// <summary>Room for a header in front of the first aligned payload.</summary>
    private const int FirstStart = 64;

    private PinnedBuffer? _chunk;
    private int _next;

    /// <summary>A place for a large reply, held once for the caller; false where memory is short.</summary>
    /// <param name="payloadAlignment">Power of two at which direct I/O wants the payload.</param>
    public bool TryReserveLarge(int headerLength, int payloadLength, int payloadAlignment, out ReplySpace space)
    {
        space = default;
        if (!pool.TryRent(FirstStart + payloadAlignment + payloadLength, out var buffer))
            return false;
        space = Aligned(buffer, FirstStart, headerLength, payloadLength, payloadAlignment);
        return true;
    }

    /// <summary>A place for at most <see cref="SmallLimit"/> bytes, held once for the caller.</summary>
    /// <param name="payloadAlignment">Power of two at which direct I/O wants the payload; 1: anywhere.</param>
    public ReplySpace Reserve(int headerLength, int payloadLength, int payloadAlignment = 1)
    {
        if (_chunk is null)
            Open();
        else if (_next + headerLength + payloadAlignment + payloadLength > _chunk.Capacity)
            Replace();
        var space = Aligned(_chunk!.Retain(), _next, headerLength, payloadLength, payloadAlignment);
        _next = space.Start + space.Length;
        return space;
    }

    /// <summary>Gives the newest place back unused.</summary>
    public void Cancel(in ReplySpace space)
    {
        if (ReferenceEquals(space.Buffer, _chunk) && _next == space.Start + space.Length)
            _next = space.Start;
        space.Buffer.Release();
    }

    /// <summary>Everything was sent: the chunk starts over, still warm in the cache.</summary>
    public void Recycle()
    {
        if (_chunk is { IsExclusive: true })
            _next = FirstStart;
    }

    /// <summary>Lets go of the chunk, so that an idle connection holds none.</summary>
    public void Release()
    {
        _chunk?.Release();
        _chunk = null;
    }

    private void Open()
    {
        _chunk = pool.RentChunk();
        _next = FirstStart;
    }

    private void Replace()
    {
        Release();
        Open();
    }

    private static ReplySpace Aligned(PinnedBuffer buffer, int start, int headerLength, int payloadLength, int alignment)
    {
        var payload = (start + headerLength + alignment - 1) & ~(alignment - 1);
        return new(buffer, payload - headerLength, headerLength, payloadLength);
    }
}
