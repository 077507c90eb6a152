// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.Plugins.Block.Iscsi.Negotiation;
using BlockHost.Plugins.Block.Iscsi.Protocol;
using BlockHost.Remote.Requests;

namespace BlockHost.Plugins.Block.Iscsi.Session;

/// <summary>
/// The receiver: takes what has come, until it has to wait. Then it waits first, and only afterwards runs what awaits the
/// answers, on the same thread. Data goes where it is wanted as it comes.
/// </summary>
internal sealed partial class IscsiConnection
{
    private const int ReceiveBufferSize = 64 << 10;

    /// <summary>
    /// Data of reads from this size on is received where it goes, so little is taken into the buffer before it.
    /// </summary>
    private const int LargeRead = 32 << 10;

    private const int HeadsOnly = 4 << 10;

    /// <summary>The most data of a PDU that is not a read's: sense data, reasons.</summary>
    private const int MaxSmallData = 8 << 10;

    /// <summary>Answers are handed on when this many have gathered, even if more bytes are there.</summary>
    private const int MaxGathered = 16;

    private readonly byte[] _receiveBuffer = GC.AllocateUninitializedArray<byte>(ReceiveBufferSize);
    private readonly Action _received;
    private ConfiguredValueTaskAwaitable<int>.ConfiguredValueTaskAwaiter _receiving;
    private int _start;
    private int _end;
    private int _needed;
    private int _largeReads;
    private RequestQueue<ScsiTask> _answered;
    private int _answeredCount;
    private Stage _stage;

    // The data of the Data-In PDU that is coming.
    private DataIn _dataIn;
    private IoSlice _data;

    private enum Stage
    {
        Pdu,
        Data,
        Trailer,
    }

    private Span<byte> Received => _receiveBuffer.AsSpan(_start, _end - _start);

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
                TakePdus();
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
        // Room for commands that waited, or data that the target wants: that is sent now.
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

    private void TakePdus()
    {
        while (true)
        {
            var goesOn = _stage switch
            {
                Stage.Data => TakeData(),
                Stage.Trailer => TakeTrailer(),
                _ => TakePdu(),
            };
            if (!goesOn)
                return;
            if (_answeredCount >= MaxGathered)
                HandOn();
        }
    }

    private bool TakePdu()
    {
        if (!IsThere(Header.Length))
            return false;
        var header = new Header(Received[..Header.Length]);
        var start = Header.Length + header.AhsLength + (_agreement.HeaderDigest ? Crc32C.Length : 0);
        var isData = header.Opcode == Opcode.DataIn;
        var most = isData ? Agreement.MaxReceive : MaxSmallData;
        // Before any of it counts: a length that is wrong would be waited for.
        if (IsThere(start))
            CheckHeaderDigest(start);
        else
            return false;
        if (header.DataLength > most)
            throw Malformed(
                $"a PDU 0x{(byte)header.Opcode:x2} with {header.DataLength} bytes of data, where {most} are the most");
        var whole = isData ? start : start + header.DataLength + TrailerOf(header.DataLength);
        if (!IsThere(whole))
            return false;
        TakeWindow(header);
        if (isData)
            BeginDataIn(header);
        else
            TakeSmall(header, Received[start..whole]);
        _start += whole;
        return true;
    }

    /// <summary>A PDU that is there as a whole.</summary>
    private void TakeSmall(Header header, ReadOnlySpan<byte> rest)
    {
        var data = rest[..header.DataLength];
        if (_agreement.DataDigest && !data.IsEmpty)
        {
            var padded = rest[..^Crc32C.Length];
            CheckDigest("data", Crc32C.Of(padded), rest[^Crc32C.Length..]);
        }

        TakeAnswer(header, data);
    }

    private bool TakeData()
    {
        var come = (int)Math.Min(Received.Length, _data.Length);
        if (come > 0)
        {
            _data.CopyFrom(Received[..come]);
            _data = _data.Slice(come);
            _start += come;
        }

        if (!_data.IsEmpty)
            return false;
        _stage = Stage.Trailer;
        return true;
    }

    private bool TakeTrailer()
    {
        var length = TrailerOf(_dataIn.Length);
        if (!IsThere(length))
            return false;
        if (_agreement.DataDigest && _dataIn.Length > 0)
        {
            var data = _dataIn.Task.Data.Slice(_dataIn.Offset, _dataIn.Length);
            CheckDigest("data", Crc32C.OfPadded(data), Received[(length - Crc32C.Length)..]);
        }

        _start += length;
        _stage = Stage.Pdu;
        EndDataIn();
        return true;
    }

    private int TrailerOf(int length) =>
        length == 0 ? 0 : Padding.Of(length) + (_agreement.DataDigest ? Crc32C.Length : 0);

    private void CheckHeaderDigest(int length)
    {
        if (_agreement.HeaderDigest)
            CheckDigest("header", Crc32C.Of(Received[..(length - Crc32C.Length)]), Received[(length - Crc32C.Length)..]);
    }

    private static void CheckDigest(string what, uint computed, ReadOnlySpan<byte> sent)
    {
        if (computed != Crc32C.Read(sent))
            throw new BlockException(BlockErrorKind.Io, $"The {what} digest of a PDU is wrong");
    }

    /// <summary>So many bytes are in the buffer; if not, they are waited for.</summary>
    private bool IsThere(int bytes)
    {
        _needed = bytes;
        return Received.Length >= bytes;
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
            throw new BlockException(BlockErrorKind.Io, "The target closed the connection");
        Volatile.Write(ref _heard, _clock.GetTimestamp());
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

    /// <summary>Where the data of a PDU goes, and what is known when it has come.</summary>
    private readonly record struct DataIn(ScsiTask Task, long Offset, int Length, bool HasStatus, byte Status, uint Residual);
}
