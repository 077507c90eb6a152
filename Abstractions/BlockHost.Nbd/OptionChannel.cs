// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using BlockHost.Block;

namespace BlockHost.Nbd;

/// <summary>One reply to an option.</summary>
internal readonly record struct OptionAnswer(OptionReply Type, byte[] Data)
{
    public bool IsError => ((uint)Type & Wire.OptionErrorBit) != 0;

    public string Text => Encoding.UTF8.GetString(Data);
}

/// <summary>
/// Options and their replies over a stream; all that a server sends is checked.
/// <code>
///   client: "IHAVEOPT" option(4) length(4) data      server: magic(8) option(4) reply(4) length(4) data
/// </code>
/// </summary>
internal sealed class OptionChannel(Stream stream)
{
    /// <summary>More than any reply that makes sense.</summary>
    private const int MaxReply = 64 << 10;

    public Stream Stream { get; set; } = stream;

    public ValueTask SendAsync(NbdOption option, ReadOnlySpan<byte> data, CancellationToken cancellationToken)
    {
        var message = new byte[Wire.OptionHeaderLength + data.Length];
        BinaryPrimitives.WriteUInt64BigEndian(message, Wire.OptionMagic);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(8), (uint)option);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(12), data.Length);
        data.CopyTo(message.AsSpan(Wire.OptionHeaderLength));
        return WriteAsync(message, $"option request {(uint)option} ({NbdNames.Of(option)})", cancellationToken);
    }

    public async ValueTask<OptionAnswer> ReceiveAsync(NbdOption option, CancellationToken cancellationToken)
    {
        var header = await ReadAsync(Wire.OptionReplyHeaderLength, "option reply", cancellationToken).ConfigureAwait(false);
        if (BinaryPrimitives.ReadUInt64BigEndian(header) != Wire.OptionReplyMagic)
            throw Malformed("Unexpected option reply magic");
        var answered = (NbdOption)BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(8));
        if (answered != option)
            throw Malformed(
                $"Unexpected option type {(uint)answered} ({NbdNames.Of(answered)}), expected {(uint)option} ({NbdNames.Of(option)})");
        var length = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(16));
        if (length > MaxReply)
            throw Malformed(
                $"The reply to option {(uint)option} ({NbdNames.Of(option)}) is {length} bytes long, more than the {MaxReply} that are taken");
        var data = await ReadAsync((int)length, "option reply", cancellationToken).ConfigureAwait(false);
        return new((OptionReply)BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(12)), data);
    }

    /// <param name="what">For the message where it fails: "server flags".</param>
    public async ValueTask<byte[]> ReadAsync(int length, string what, CancellationToken cancellationToken)
    {
        var data = new byte[length];
        try
        {
            await Stream.ReadExactlyAsync(data, cancellationToken).ConfigureAwait(false);
            return data;
        }
        catch (EndOfStreamException e)
        {
            throw new BlockException(
                BlockErrorKind.Io, $"Failed to read {what}: Unexpected end-of-file before all data were read", Errno.EINVAL, e);
        }
        catch (IOException e)
        {
            throw new BlockException(BlockErrorKind.Io, $"Failed to read {what}: {e.Message}", Errno.EINVAL, e);
        }
    }

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> data, string what, CancellationToken cancellationToken)
    {
        try
        {
            await Stream.WriteAsync(data, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            throw new BlockException(BlockErrorKind.Io, $"Failed to send {what}: {e.Message}", Errno.EINVAL, e);
        }
    }

    public static BlockException Malformed(string message) => new(BlockErrorKind.InvalidArgument, message);
}
