// SPDX-License-Identifier: MIT
using System.Buffers;
using BlockHost.Plugins.Export.Nbd.Protocol;
using BlockHost.Posix.Loops;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>Up to the first request.</summary>
internal sealed partial class NbdConnection
{
    private const long NotWatched = -1;

    private ArrayBufferWriter<byte> _handshakeOutput = new();

    private void Haggle()
    {
        if (_output.Pending >= MaxUnsent)
            return;
        var result = _haggler.Consume(_input.Unread, out var consumed, _handshakeOutput);
        _input.Skip(consumed);
        SendHandshakeOutput();
        switch (result)
        {
            case HaggleResult.Pause:
                Yield();
                break;
            case HaggleResult.Close:
                End();
                break;
            case HaggleResult.StartTls:
                StartTls();
                break;
            case HaggleResult.Transmission:
                BeginTransmission();
                break;
        }
    }

    private void BeginTransmission()
    {
        _handshakeLimit.Dispose();
        _handshakeOutput = new ArrayBufferWriter<byte>();
        var export = (NbdExport)_haggler.Export!;
        if (!export.TryAttach(this))
        {
            End();
            return;
        }

        _export = export;
        if (export.Home is { } home && home != Loop && TryMove(home))
            return;
        BeginRequests();
    }

    private void BeginRequests() => _runner = new RequestRunner(this, _export!, _haggler, _input, _replies, _output, AfterReply);

    /// <summary>
    /// The export is served on a loop of its own: everything of the client's goes there, and what it has sent already. False: it
    /// does not take the last words of the handshake, which lie in this loop's buffers.
    /// </summary>
    private bool TryMove(NbdLoop home)
    {
        Flush();
        if (_fd < 0 || _output.Pending > 0)
            return false;
        Unwatch();
        _eventId = NotWatched;
        var unread = _input.Unread.ToArray();
        _input.Release();
        _replies.Release();
        Loop.RemoveUser();
        home.AddUser();
        _loop = home;
        home.Post(new Work(this, connection => connection.Arrive(unread)));
        return true;
    }

    private void Arrive(ReadOnlySpan<byte> unread)
    {
        (_input, _replies) = (new ReceiveBuffer(Loop.Buffers), new ReplyBuffer(Loop.Buffers));
        if (_fd < 0 || _ending)
            return;
        _input.Put(unread);
        Watch();
        BeginRequests();
        Proceed();
    }

    /// <summary>
    /// Anything the client sent after STARTTLS in the clear would be read as if it came through TLS: no such client is served.
    /// </summary>
    private void StartTls()
    {
        Flush();
        if (_fd < 0)
            return;
        if (_input.Available > 0 || _output.Pending > 0)
        {
            End();
            return;
        }

        var fd = _fd;
        Unwatch();
        _fd = -1;
        _ = _server.UpgradeAsync(fd, plainFd => Loop.Post(new Work(this, connection => connection.ResumeInTls(plainFd))));
    }

    /// <param name="fd">Our end of a plain stream through TLS, or -1 where TLS failed.</param>
    private void ResumeInTls(int fd)
    {
        _fd = fd;
        if (fd < 0 || _ending)
        {
            Break();
            return;
        }

        _haggler.TlsStarted();
        Watch();
    }

    private void SendHandshakeOutput()
    {
        var written = _handshakeOutput.WrittenSpan;
        while (!written.IsEmpty)
        {
            var n = Math.Min(written.Length, ReplyBuffer.SmallLimit);
            var space = _replies.Reserve(n, 0);
            written[..n].CopyTo(space.Header);
            _output.Append(space.Buffer, space.Start, n);
            written = written[n..];
        }

        _handshakeOutput.ResetWrittenCount();
    }

    private void HandshakeTooSlow()
    {
        if (_export is not null || _ending)
            return;
        _server.Log.ClientRefused("it did not choose an export in time");
        End();
    }
}
