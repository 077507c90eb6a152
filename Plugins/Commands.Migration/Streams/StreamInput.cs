// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;

namespace BlockHost.Plugins.Commands.Migration.Streams;

/// <summary>Reads numbers and names of a stream that ends early, or lies.</summary>
internal sealed class StreamInput(Stream stream)
{
    private const int Piece = 64 << 10;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly byte[] _buffer = new byte[Piece];
    private int _start;
    private int _end;

    public async ValueTask<byte> ByteAsync(CancellationToken cancellationToken) =>
        (await TakeAsync(1, cancellationToken).ConfigureAwait(false)).Span[0];

    public async ValueTask<ushort> UInt16Async(CancellationToken cancellationToken) =>
        BinaryPrimitives.ReadUInt16BigEndian((await TakeAsync(2, cancellationToken).ConfigureAwait(false)).Span);

    public async ValueTask<uint> UInt32Async(CancellationToken cancellationToken) =>
        BinaryPrimitives.ReadUInt32BigEndian((await TakeAsync(4, cancellationToken).ConfigureAwait(false)).Span);

    public async ValueTask<ulong> UInt64Async(CancellationToken cancellationToken) =>
        BinaryPrimitives.ReadUInt64BigEndian((await TakeAsync(8, cancellationToken).ConfigureAwait(false)).Span);

    /// <summary>A name with its length, of one byte.</summary>
    public async ValueTask<string> NameAsync(CancellationToken cancellationToken)
    {
        var length = await ByteAsync(cancellationToken).ConfigureAwait(false);
        return Text((await TakeAsync(length, cancellationToken).ConfigureAwait(false)).Span);
    }

    /// <summary>Text of up to <see cref="Piece"/> bytes.</summary>
    public async ValueTask<string> TextAsync(int length, CancellationToken cancellationToken) =>
        Text((await TakeAsync(length, cancellationToken).ConfigureAwait(false)).Span);

    /// <summary>The next bytes, valid until the next call; at most <see cref="Piece"/>.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> TakeAsync(int length, CancellationToken cancellationToken)
    {
        if (_buffer.Length - _start < length)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        while (_end - _start < length)
        {
            if (!await FillAsync(cancellationToken).ConfigureAwait(false))
                throw new EndOfStreamException("The stream has ended early");
        }

        _start += length;
        return _buffer.AsMemory(_start - length, length);
    }

    /// <summary>More than fits into the buffer: memory is taken as the bytes come, not as they are promised.</summary>
    public async ValueTask<byte[]> TakeLongAsync(int length, CancellationToken cancellationToken)
    {
        var taken = new MemoryStream();
        while (taken.Length < length)
        {
            var piece = (int)Math.Min(Piece, length - taken.Length);
            taken.Write((await TakeAsync(piece, cancellationToken).ConfigureAwait(false)).Span);
        }

        return taken.ToArray();
    }

    /// <summary>Passes over what comes.</summary>
    public async ValueTask SkipAsync(long length, CancellationToken cancellationToken)
    {
        for (var left = length; left > 0; left -= Piece)
            await TakeAsync((int)Math.Min(left, Piece), cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        if (_start == _end)
            (_start, _end) = (0, 0);
        var read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
        _end += read;
        return read > 0;
    }

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw new InvalidDataException("A name in the stream is no text");
        }
    }
}
