// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.Remote.Requests;

namespace BlockHost.Plugins.Block.Nbd.Client;

/// <summary>
/// The receiver: takes what has come, until it has to wait. Then it waits first, and only afterwards runs what awaits the
/// answers, on the same thread: an answer costs no change of thread more than the socket's own, and the next bytes find another
/// thread, however long that takes.
/// </summary>
internal sealed partial class NbdConnection
{
    private const int ReceiveBufferSize = 64 << 10;

    /// <summary>
    /// Data of reads from this size on is received where it goes, so little is taken into the buffer before it.
    /// </summary>
    private const int LargeRead = 32 << 10;

    private const int HeadsOnly = 4 << 10;

    /// <summary>Answers are handed on when this many have gathered, even if more bytes are there.</summary>
    private const int MaxGathered = 16;

    private readonly byte[] _receiveBuffer = GC.AllocateUninitializedArray<byte>(ReceiveBufferSize);
    private readonly Action _received;
    private ConfiguredValueTaskAwaitable<int>.ConfiguredValueTaskAwaiter _receiving;
    private int _start;
    private int _end;
    private RequestQueue<NbdOperation> _answered;
    private int _answeredCount;
    private int _largeReads;

    private ReadOnlySpan<byte> Received => _receiveBuffer.AsSpan(_start, _end - _start);

    /// <summary>What was waited for has come.</summary>
    private void Arrived()
    {
        try
        {
            Take(_receiving.GetResult());
        }
        catch (Exception e)
        {
            StopReceiving(e);
            return;
        }

        Receive();
    }

    private void Receive()
    {
        ConfiguredValueTaskAwaitable<int>.ConfiguredValueTaskAwaiter receiving;
        try
        {
            while (true)
            {
                TakeReplies();
                receiving = _stream.ReadAsync(NextTarget()).ConfigureAwait(false).GetAwaiter();
                if (!receiving.IsCompleted)
                    break;
                Take(receiving.GetResult());
            }
        }
        catch (Exception e)
        {
            StopReceiving(e);
            return;
        }

        WaitFor(receiving);
    }

    /// <summary>From when it waits, another thread may be the receiver.</summary>
    private void WaitFor(ConfiguredValueTaskAwaitable<int>.ConfiguredValueTaskAwaiter receiving)
    {
        _answeredCount = 0;
        var isOurs = _completions.Add(ref _answered);
        _receiving = receiving;
        receiving.UnsafeOnCompleted(_received);
        // Room for requests that waited: they are sent now.
        Flush();
        if (isOurs)
            _completions.Execute();
    }

    /// <summary>Whatever ended it, a fault of our own included: nobody waits for an answer that does not come.</summary>
    private void StopReceiving(Exception cause)
    {
        HandOn();
        Break(Broken(cause));
        Leave();
    }

    /// <summary>Where the next bytes go: to the read whose data is coming, or behind what is in the buffer.</summary>
    private Memory<byte> NextTarget()
    {
        if (_stage == Stage.Data)
            return FirstOf(_data);
        if (_start > 0)
        {
            Received.CopyTo(_receiveBuffer);
            (_start, _end) = (0, _end - _start);
        }

        var room = Volatile.Read(ref _largeReads) > 0 ? Math.Max(HeadsOnly, _needed) : ReceiveBufferSize;
        return _receiveBuffer.AsMemory(_end, room - _end);
    }

    private void Take(int received)
    {
        if (received == 0)
            throw new BlockException(BlockErrorKind.Io, "The server closed the connection");
        if (_stage == Stage.Data)
            _data = _data.Slice(received);
        else
            _end += received;
    }

    private static Memory<byte> FirstOf(IoSlice data)
    {
        var segments = data.GetEnumerator();
        while (segments.MoveNext())
        {
            if (!segments.Current.IsEmpty)
                return segments.Current;
        }

        throw new InvalidOperationException("There is no data left to receive");
    }

    private void HandOn()
    {
        _completions.Run(ref _answered);
        _answeredCount = 0;
        Flush();
    }
}
