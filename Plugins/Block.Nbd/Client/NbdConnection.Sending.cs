// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.Nbd;
using BlockHost.Remote.Requests;

namespace BlockHost.Plugins.Block.Nbd.Client;

/// <summary>
/// The sender: whatever is asked for while it works goes with its next call. It goes on from thread to thread without a task of
/// its own, so that waiting for the socket allocates nothing.
/// </summary>
internal sealed partial class NbdConnection
{
    private const int SendBufferSize = 64 << 10;

    /// <summary>Data up to this is sent with the requests beside it; longer data goes from its own memory.</summary>
    private const int MaxCopied = 16 << 10;

    private readonly byte[] _sendBuffer = GC.AllocateUninitializedArray<byte>(SendBufferSize);
    private readonly Action _resume;
    private ConfiguredValueTaskAwaitable.ConfiguredValueTaskAwaiter _write;
    private RequestQueue<NbdOperation> _unsent;
    private bool _isSending;

    // The request whose data is being sent from where it lies.
    private NbdOperation? _sent;
    private IoSlice.Enumerator _sentData;

    /// <summary>Sends what has been added, unless somebody does so already or will soon.</summary>
    public void Flush()
    {
        if (_completions.IsGathering)
            return;
        lock (_owner.Gate)
        {
            if (_isSending || _isLost || _unsent.IsEmpty)
                return;
            _isSending = true;
            _users++;
        }

        Send();
    }

    private void Send()
    {
        try
        {
            while (TryPrepare(out var bytes))
            {
                var write = _stream.WriteAsync(bytes).ConfigureAwait(false).GetAwaiter();
                if (!write.IsCompleted)
                {
                    _write = write;
                    write.UnsafeOnCompleted(_resume);
                    return;
                }

                write.GetResult();
            }
        }
        catch (Exception e)
        {
            StopSending(e);
        }
    }

    private void ResumeSending()
    {
        try
        {
            _write.GetResult();
        }
        catch (Exception e)
        {
            StopSending(e);
            return;
        }

        Send();
    }

    /// <summary>Whatever ended it: what is not sent is not answered either, and nobody may wait for it.</summary>
    private void StopSending(Exception cause)
    {
        Break(Broken(cause));
        Leave();
    }

    /// <summary>The next bytes to send. False: there are none, and this is no longer the sender.</summary>
    private bool TryPrepare(out ReadOnlyMemory<byte> bytes)
    {
        if (_sent is { } large)
        {
            if (_sentData.MoveNext())
            {
                bytes = _sentData.Current;
                return true;
            }

            (_sent, _sentData) = (null, default);
            Sent(large);
        }

        var used = 0;
        while (_sent is null && used <= SendBufferSize - Wire.RequestLength - MaxCopied && NextToSend(used > 0) is { } operation)
            used += Write(operation, _sendBuffer.AsSpan(used));
        bytes = _sendBuffer.AsMemory(0, used);
        if (used > 0)
            return true;
        Leave();
        return false;
    }

    private NbdOperation? NextToSend(bool goesOn)
    {
        lock (_owner.Gate)
        {
            var next = _isLost ? null : _unsent.TryDequeue();
            if (next is null && !goesOn)
                _isSending = false;
            return next;
        }
    }

    /// <returns>Bytes written; data that is too long for the buffer follows by itself.</returns>
    private int Write(NbdOperation operation, Span<byte> target)
    {
        new NbdRequest(operation.Flags, operation.Command, operation.Cookie, (ulong)operation.Offset, operation.Length)
            .Write(target);
        var used = Wire.RequestLength;
        if (operation.Command == NbdCommand.Write)
        {
            if (operation.Length > MaxCopied)
            {
                (_sent, _sentData) = (operation, operation.Data.GetEnumerator());
                return used;
            }

            operation.Data.CopyTo(target[used..]);
            used += (int)operation.Length;
        }

        Sent(operation);
        return used;
    }

    private void Sent(NbdOperation operation)
    {
        if (!operation.EndHalf())
            return;
        // The server was faster with its answer than we with the data.
        Release(operation);
        var done = default(RequestQueue<NbdOperation>);
        done.Enqueue(operation);
        _completions.Run(ref done);
    }
}
