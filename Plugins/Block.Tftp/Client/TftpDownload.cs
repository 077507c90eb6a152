// SPDX-License-Identifier: MIT
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Tftp.Client;

/// <summary>
/// One transfer of the whole file into the spool:
/// <code>
///   RRQ ─► ◄─ OACK   ACK 0 ─► ◄─ DATA 1 … DATA w   ACK w ─► ◄─ DATA w+1 …      a window of w blocks (RFC 7440)
///                                                             one shorter than a block is the last
/// </code>
/// What was lost is asked for again by acknowledging the last block in a row. A block that comes twice is answered by
/// nothing, so that nothing multiplies. What the spool has already must come again as it was.
/// </summary>
internal sealed class TftpDownload(
    TftpSettings settings, Spool spool, TftpSocket socket, TimeProvider clock, Action<long> onLength)
{
    private const int DefaultBlockSize = 512;
    private const int MaxLost = 5;
    private const ushort Refusal = 8;

    /// <summary>A server that does not say how much comes gets no more room.</summary>
    private const long MaxUnannounced = 4L << 30;

    private BlockNumbers _numbers;
    private int _blockSize = DefaultBlockSize;
    private int _window = 1;
    private int _inWindow;
    private bool _hasBegun;
    private bool _hasAskedAgain;
    private long _done;
    private long? _length;
    private byte[] _last = [];

    /// <exception cref="RemoteFault">It breaks off, or the file is another one by now.</exception>
    public async Task RunAsync(long? knownLength, CancellationToken cancellationToken)
    {
        _length = knownLength;
        Send(TftpPacket.ReadRequest(settings.File, new Dictionary<string, long>
        {
            ["tsize"] = 0,
            ["blksize"] = settings.BlockSize,
            ["timeout"] = (long)settings.Timeout.TotalSeconds,
            ["windowsize"] = settings.Window,
        }));
        var (isOver, lost, since) = (false, 0, clock.GetTimestamp());
        while (!isOver)
        {
            var left = settings.Timeout - clock.GetElapsedTime(since);
            var packet = left > TimeSpan.Zero
                ? await socket.ReceiveAsync(left, cancellationToken).ConfigureAwait(false)
                : default;
            var before = (_done, _hasBegun);
            if (!packet.IsEmpty)
                isOver = Take(packet.Span);
            if (before != (_done, _hasBegun))
                (lost, since) = (0, clock.GetTimestamp());
            else if (packet.IsEmpty && ++lost > MaxLost)
                throw new RemoteFault("The server does not answer", mayPass: true);
            else if (packet.IsEmpty)
                since = AskAgain();
        }

        await LingerAsync(cancellationToken).ConfigureAwait(false);
    }

    private bool Take(ReadOnlySpan<byte> packet)
    {
        switch (TftpPacket.OpcodeOf(packet))
        {
            case TftpOpcode.Error:
                var code = TftpPacket.BlockOf(packet);
                throw new RemoteFault($"The server refuses ({code}): {TftpPacket.TextOf(packet)}", mayPass: code is 0 or 3);
            case TftpOpcode.OptionAcknowledgment when _done == 0:
                Negotiate(TftpPacket.OptionsOf(packet));
                Send(TftpPacket.Acknowledge(0));
                return false;
            case TftpOpcode.Data:
                _hasBegun = true;
                return TakeBlock(TftpPacket.BlockOf(packet), packet[TftpPacket.HeaderSize..]);
            default:
                return false;
        }
    }

    private void Negotiate(Dictionary<string, long> options)
    {
        _hasBegun = true;
        foreach (var (name, value) in options)
        {
            var isFine = name.ToUpperInvariant() switch
            {
                "BLKSIZE" => value >= 8 && value <= settings.BlockSize,
                "WINDOWSIZE" => value >= 1 && value <= settings.Window,
                "TSIZE" => value == (_length ?? value) ? true : throw Changed(),
                "TIMEOUT" => value == (long)settings.Timeout.TotalSeconds,
                _ => false,
            };
            if (!isFine)
            {
                Send(TftpPacket.Error(Refusal, "Option refused"));
                throw new RemoteFault("The server answers with options that were not asked for");
            }
        }

        _blockSize = (int)options.GetValueOrDefault("blksize", DefaultBlockSize);
        _window = (int)options.GetValueOrDefault("windowsize", 1);
        if (options.TryGetValue("tsize", out var length))
            onLength((_length = length).Value);
    }

    /// <returns>It was the last one.</returns>
    private bool TakeBlock(ushort number, ReadOnlySpan<byte> data)
    {
        if (!_numbers.IsNext(_done + 1, number, _window == 1))
        {
            var isAhead = (ushort)(number - _numbers.OnWire(_done + 1)) < _window;
            if (isAhead && !_hasAskedAgain)
            {
                (_hasAskedAgain, _inWindow) = (true, 0);
                Acknowledge();
            }

            return false;
        }

        if (data.Length > _blockSize)
            throw new RemoteFault("A block of the server's is larger than was agreed");
        Store(_done * _blockSize, data);
        _done++;
        _hasAskedAgain = false;
        var isLast = data.Length < _blockSize;
        if (isLast)
            Finish((_done - 1) * _blockSize + data.Length);
        if (isLast || ++_inWindow == _window)
        {
            _inWindow = 0;
            Acknowledge();
        }

        return isLast;
    }

    private void Store(long offset, ReadOnlySpan<byte> data)
    {
        var end = offset + data.Length;
        if (end > (_length ?? MaxUnannounced))
            throw new RemoteFault("The server sends more than it has announced");
        var known = (int)Math.Clamp(spool.Bytes - offset, 0, data.Length);
        if (known > 0 && !spool.IsSame(offset, data[..known]))
            throw Changed();
        if (known < data.Length)
            spool.Append(data[known..]);
    }

    private void Finish(long length)
    {
        if ((_length ?? length) != length || spool.Bytes != length)
            throw new RemoteFault("The server sends less than it has announced");
        onLength(length);
    }

    /// <summary>Tells the server, and those who wait here.</summary>
    private void Acknowledge()
    {
        Send(TftpPacket.Acknowledge(_numbers.OnWire(_done)));
        spool.Announce();
    }

    /// <returns>When it was done.</returns>
    private long AskAgain()
    {
        _inWindow = 0;
        if (_done > 0)
            Acknowledge();
        else
            socket.Send(_last);
        return clock.GetTimestamp();
    }

    private void Send(byte[] packet) => socket.Send(_last = packet);

    /// <summary>The last acknowledgment may be lost, and then the last block comes once more.</summary>
    private async ValueTask LingerAsync(CancellationToken cancellationToken)
    {
        var packet = await socket.ReceiveAsync(settings.Timeout, cancellationToken).ConfigureAwait(false);
        if (TftpPacket.OpcodeOf(packet.Span) == TftpOpcode.Data)
            Acknowledge();
    }

    private static RemoteFault Changed() => new("The file on the server is not the one that was opened");
}
