// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Ftp.Client;

/// <summary>What a server says to a command: RFC 959, 4.2.</summary>
internal readonly record struct FtpReply(int Code, string Text)
{
    public bool IsOk => Code is >= 200 and < 300;
}

/// <summary>
/// Commands and replies:
/// <code>
///   ─► SIZE disk.raw CRLF        ◄─ 213 1048576 CRLF
///                                ◄─ 211-Features CRLF … CRLF 211 End CRLF      a reply of several lines
/// </code>
/// </summary>
internal sealed class ControlChannel(Stream stream) : IAsyncDisposable
{
    private const int MaxLine = 4096;
    private const int MaxLines = 256;
    private const byte TelnetInterpret = 0xff;

    private readonly byte[] _buffer = new byte[MaxLine];
    private int _start;
    private int _end;

    public Stream Stream { get; private set; } = stream;

    /// <summary>From here on over this stream; nothing that was sent in the clear is taken for a reply.</summary>
    /// <exception cref="RemoteFault">There is something of that kind.</exception>
    public void Secure(Stream stream)
    {
        if (_start != _end)
            throw new RemoteFault("The server says more before TLS begins than it was asked");
        Stream = stream;
    }

    public async ValueTask<FtpReply> AskAsync(string command, CancellationToken cancellationToken)
    {
        await SendAsync(command, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask SendAsync(string command, CancellationToken cancellationToken)
    {
        var bytes = new List<byte>(command.Length + 2);
        foreach (var octet in Encoding.UTF8.GetBytes(command))
        {
            if (octet == TelnetInterpret)
                bytes.Add(octet);
            bytes.Add(octet);
        }

        bytes.AddRange("\r\n"u8);
        await Stream.WriteAsync(bytes.ToArray(), cancellationToken).ConfigureAwait(false);
    }

    /// <exception cref="RemoteFault">It is no reply, or has no end.</exception>
    public async ValueTask<FtpReply> ReadAsync(CancellationToken cancellationToken)
    {
        var line = await ReadLineAsync(cancellationToken).ConfigureAwait(false);
        var first = Parse(line);
        if (line.Length < 4 || line[3] != '-')
            return first;
        for (var i = 0; i < MaxLines; i++)
        {
            line = await ReadLineAsync(cancellationToken).ConfigureAwait(false);
            if (line.Length >= 4 && line[3] == ' ' && line.AsSpan(0, 3).SequenceEqual($"{first.Code}"))
                return first with { Text = line[4..] };
        }

        throw new RemoteFault("A reply of the server has no end");
    }

    public ValueTask DisposeAsync() => Stream.DisposeAsync();

    private static FtpReply Parse(string line) =>
        line.Length >= 3 && int.TryParse(line.AsSpan(0, 3), NumberStyles.None, CultureInfo.InvariantCulture, out var code)
            && code is >= 100 and < 600
            ? new(code, line.Length > 4 ? line[4..] : "")
            : throw new RemoteFault("Weird server reply");

    private async ValueTask<string> ReadLineAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var end = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            if (end >= 0)
            {
                var line = Encoding.UTF8.GetString(_buffer, _start, end).TrimEnd('\r');
                _start += end + 1;
                return line;
            }

            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
            if (_end == _buffer.Length)
                throw new RemoteFault("A line of the server has no end");
            var read = await Stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
            if (read == 0)
                throw new RemoteFault("The server has closed the connection", mayPass: true);
            _end += read;
        }
    }
}
