// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.Plugins.Block.Iscsi.Protocol;
using BlockHost.Remote.Requests;

namespace BlockHost.Plugins.Block.Iscsi.Session;

/// <summary>
/// The sender: whatever is asked for while it works goes with its next call. It goes on from thread to thread without a task of
/// its own, so that waiting for the socket allocates nothing.
/// </summary>
internal sealed partial class IscsiConnection
{
    private const int SendBufferSize = 64 << 10;

    /// <summary>Data up to this is sent with the PDUs beside it; longer data goes from its own memory.</summary>
    private const int MaxCopied = 16 << 10;

    /// <summary>A header with its digest, data that is copied, padding and digest.</summary>
    private const int LargestPiece = Header.Length + Crc32C.Length + MaxCopied + TrailerRoom;

    private const int TrailerRoom = 3 + Crc32C.Length;

    private readonly byte[] _sendBuffer = GC.AllocateUninitializedArray<byte>(SendBufferSize);
    private readonly Action _resume;
    private ConfiguredValueTaskAwaitable.ConfiguredValueTaskAwaiter _write;
    private RequestQueue<ScsiTask> _unsent;
    private RequestQueue<ScsiTask> _requested;
    private bool _isSending;
    private uint _commandSn;
    private uint _maxCommandSn;

    // Data that is being sent from where it lies, and what comes behind it.
    private bool _isLarge;
    private IoSlice.Enumerator _segments;
    private IoSlice _largeData;
    private ScsiTask? _sent;

    // Data-Out PDUs of one command, one after another.
    private ScsiTask? _burst;
    private long _burstNext;
    private long _burstEnd;
    private uint _burstTag;
    private uint _burstSn;

    /// <summary>Sends what has been added, unless somebody does so already or will soon.</summary>
    public void Flush()
    {
        if (_completions.IsGathering)
            return;
        lock (_owner.Gate)
        {
            if (_isSending || _isLost || !HasSomething)
                return;
            _isSending = true;
            _users++;
        }

        Send();
    }

    /// <summary>The target takes commands up to a number that it says with each PDU (RFC 7143, section 4.2.2.1).</summary>
    private bool IsWindowOpen => !Serial.IsAfter(_commandSn, Volatile.Read(ref _maxCommandSn));

    private bool HasSomething => _controls.Count > 0 || !_requested.IsEmpty || (!_unsent.IsEmpty && IsWindowOpen);

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
        var used = 0;
        if (_isLarge)
        {
            if (_segments.MoveNext())
            {
                bytes = _segments.Current;
                return true;
            }

            used = WriteTrailer(_sendBuffer, _largeData);
            (_isLarge, _largeData, _segments) = (false, default, default);
            Sent();
        }

        while (!_isLarge && SendBufferSize - used >= LargestPiece)
        {
            var piece = WritePiece(_sendBuffer.AsSpan(used), goesOn: used > 0);
            if (piece == 0)
                break;
            used += piece;
        }

        bytes = _sendBuffer.AsMemory(0, used);
        if (used > 0)
            return true;
        Leave();
        return false;
    }

    /// <returns>Bytes of the next PDU; 0: there is none.</returns>
    private int WritePiece(Span<byte> target, bool goesOn)
    {
        ScsiTask? task;
        bool isNew;
        lock (_owner.Gate)
        {
            if (!_isLost && _controls.TryDequeue(out var control))
                return WriteControl(target, control);
            task = _burst;
            isNew = task is null && !_isLost;
            if (isNew)
                task = NextTask(out isNew);
            if (task is null || _isLost)
            {
                if (!goesOn)
                    _isSending = false;
                return 0;
            }

            if (isNew)
                Begin(task);
        }

        return isNew ? WriteCommand(target, task) : WriteDataOut(target, task);
    }

    /// <summary>Under the gate: data that was asked for, or else a command.</summary>
    private ScsiTask? NextTask(out bool isNew)
    {
        isNew = false;
        if (_requested.TryDequeue() is { } requested)
        {
            requested.IsRequested = false;
            BeginBurst(requested, requested.RequestStart, requested.Offered, requested.RequestTag);
            return requested;
        }

        isNew = true;
        return IsWindowOpen ? _unsent.TryDequeue() : null;
    }

    private void Begin(ScsiTask task) => (task.CommandSn, task.IsSent) = (_commandSn++, true);

    private void BeginBurst(ScsiTask task, long start, long end, uint tag)
    {
        (_burst, _burstNext, _burstEnd, _burstTag, _burstSn) = (task, start, end, tag, 0);
    }

    /// <summary>With as much data behind it as the target takes without having asked.</summary>
    private int WriteCommand(Span<byte> target, ScsiTask task)
    {
        var (immediate, unsolicited) = task.SendsData ? Unasked(task.Data.Length) : (0, 0);
        var direction = task.SendsData ? PduFlags.Write : task.Data.IsEmpty ? (byte)0 : PduFlags.Read;
        var final = unsolicited > immediate ? (byte)0 : PduFlags.Final;
        var header = Header.Start(target, Opcode.ScsiCommand, (byte)(final | direction | PduFlags.Simple));
        header.DataLength = immediate;
        header.SetLun(_lun);
        header.Tag = task.Tag;
        header[20] = (uint)task.Data.Length;
        header[24] = task.CommandSn;
        header[28] = Volatile.Read(ref _statSn);
        task.Command.CopyTo(header.Bytes[32..]);
        task.Offered = unsolicited;
        if (unsolicited > immediate)
            BeginBurst(task, immediate, unsolicited, Header.NoTag);
        return FinishPiece(target, task, 0, immediate);
    }

    private (int Immediate, int Unsolicited) Unasked(long length)
    {
        var first = (int)Math.Min(length, _agreement.FirstBurstLength);
        var immediate = _agreement.ImmediateData ? Math.Min(first, _agreement.MaxSend) : 0;
        return (immediate, _agreement.InitialR2T ? immediate : first);
    }

    private int WriteDataOut(Span<byte> target, ScsiTask task)
    {
        var start = _burstNext;
        var length = (int)Math.Min(_burstEnd - start, _agreement.MaxSend);
        _burstNext += length;
        var isLast = _burstNext == _burstEnd;
        var header = Header.Start(target, Opcode.DataOut, isLast ? PduFlags.Final : (byte)0);
        header.DataLength = length;
        header.SetLun(_lun);
        header.Tag = task.Tag;
        header[20] = _burstTag;
        header[28] = Volatile.Read(ref _statSn);
        header[36] = _burstSn++;
        header[40] = (uint)start;
        if (isLast)
            _burst = null;
        return FinishPiece(target, task, start, length);
    }

    /// <summary>What follows a header; where no more follows for this part of the command, it is sent.</summary>
    private int FinishPiece(Span<byte> target, ScsiTask task, long start, int length)
    {
        var used = WriteHeaderDigest(target);
        _sent = _burst is null ? task : null;
        if (length > MaxCopied)
        {
            _largeData = task.Data.Slice(start, length);
            (_isLarge, _segments) = (true, _largeData.GetEnumerator());
            return used;
        }

        if (length > 0)
        {
            var data = task.Data.Slice(start, length);
            data.CopyTo(target[used..]);
            used += length;
            used += WriteTrailer(target[used..], data);
        }

        Sent();
        return used;
    }

    private int WriteHeaderDigest(Span<byte> target)
    {
        if (!_agreement.HeaderDigest)
            return Header.Length;
        Crc32C.Write(target[Header.Length..], Crc32C.Of(target[..Header.Length]));
        return Header.Length + Crc32C.Length;
    }

    /// <summary>Padding and digest of data.</summary>
    private int WriteTrailer(Span<byte> target, IoSlice data)
    {
        var used = Padding.Of(data.Length);
        target[..used].Clear();
        if (!_agreement.DataDigest)
            return used;
        Crc32C.Write(target[used..], Crc32C.OfPadded(data));
        return used + Crc32C.Length;
    }

    private void Sent()
    {
        var task = _sent;
        _sent = null;
        if (task is null || !EndPart(task))
            return;
        // The target was faster with its answer than we with the data.
        var done = default(RequestQueue<ScsiTask>);
        done.Enqueue(task);
        _completions.Run(ref done);
    }
}
