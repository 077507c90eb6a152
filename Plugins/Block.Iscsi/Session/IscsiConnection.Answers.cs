// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Plugins.Block.Iscsi.Protocol;
using BlockHost.Plugins.Block.Iscsi.Scsi;

namespace BlockHost.Plugins.Block.Iscsi.Session;

/// <summary>
/// What the target says. Everything is checked against what was asked for; what does not fit ends the connection, as with no
/// error recovery within it (level 0) there is no other way to go on.
/// </summary>
internal sealed partial class IscsiConnection
{
    private uint _statSn;

    /// <summary>Where the target's window ends; it never moves back (RFC 7143, section 4.2.2.1).</summary>
    private void TakeWindow(Header header)
    {
        var (expected, most) = (header[28], header[32]);
        if (!Serial.IsAfter(expected, most + 1) && Serial.IsAfter(most, _maxCommandSn))
            Volatile.Write(ref _maxCommandSn, most);
    }

    /// <summary>Each status has the next number: one that is missing is lost.</summary>
    private void TakeStatus(Header header)
    {
        if (header[24] != _statSn)
            throw Malformed($"StatSN {header[24]} where {_statSn} was due");
        Volatile.Write(ref _statSn, _statSn + 1);
    }

    private void TakeAnswer(Header header, ReadOnlySpan<byte> data)
    {
        switch (header.Opcode)
        {
            case Opcode.ScsiResponse:
                TakeStatus(header);
                EndCommand(header, data);
                break;
            case Opcode.ReadyToTransfer:
                TakeRequest(header);
                break;
            case Opcode.NopIn:
                TakeNop(header);
                break;
            case Opcode.TaskManagementResponse or Opcode.LogoutResponse:
                TakeStatus(header);
                TakeOwnAnswer(header);
                break;
            case Opcode.AsyncMessage:
                TakeStatus(header);
                TakeEvent(header, data);
                break;
            case Opcode.Reject:
                TakeStatus(header);
                throw new BlockException(BlockErrorKind.Io, $"The target rejects a PDU, with reason 0x{header.Bytes[2]:x2}");
            default:
                throw Malformed($"a PDU 0x{(byte)header.Opcode:x2}, which no target sends now");
        }
    }

    /// <summary>Data-In (11.7): 3 status │ 36 DataSN │ 40 offset │ 44 residual.</summary>
    private void BeginDataIn(Header header)
    {
        var hasStatus = (header.Flags & PduFlags.Status) != 0;
        if (hasStatus)
            TakeStatus(header);
        var task = Find(header.Tag);
        var (offset, length) = (header[40], header.DataLength);
        if (task.SendsData)
            throw Malformed("data in answer to a command that writes");
        // In order, as was agreed: no byte comes twice, and none is left out.
        if (offset != task.Received || length > task.Data.Length - task.Received)
            throw Malformed(
                $"{length} bytes of data at {offset}, where {task.Data.Length - task.Received} bytes at {task.Received} are due");
        _dataIn = new DataIn(task, offset, length, hasStatus, header.Bytes[3], ResidualOf(header));
        _data = task.Data.Slice(offset, length);
        _stage = Stage.Data;
    }

    private void EndDataIn()
    {
        var data = _dataIn;
        _dataIn = default;
        data.Task.Received += data.Length;
        if (!data.HasStatus)
            return;
        data.Task.Residual = data.Residual;
        Answer(data.Task, new ScsiResult((ScsiStatus)data.Status, (int)data.Task.Received, default));
    }

    /// <summary>SCSI Response (11.4): 2 response │ 3 status │ 44 residual; sense data with its length before it.</summary>
    private void EndCommand(Header header, ReadOnlySpan<byte> data)
    {
        var task = Find(header.Tag);
        var (response, status) = (header.Bytes[2], (ScsiStatus)header.Bytes[3]);
        if (response != 0)
            throw new BlockException(BlockErrorKind.Io, $"The target failed to carry out a command (response 0x{response:x2})");
        task.Residual = ResidualOf(header);
        byte[] sense = [];
        if (status == ScsiStatus.CheckCondition && data.Length > 2)
        {
            var length = BinaryPrimitives.ReadUInt16BigEndian(data);
            if (length > data.Length - 2)
                throw Malformed($"{length} bytes of sense data in {data.Length - 2}");
            sense = data.Slice(2, length).ToArray();
        }

        Answer(task, new ScsiResult(status, (int)task.Received, sense));
    }

    /// <summary>
    /// R2T (11.8): 20 tag of the transfer │ 40 offset │ 44 length. With everything in order each goes on where the last one
    /// ended, so that all of them together ask for no byte twice.
    /// </summary>
    private void TakeRequest(Header header)
    {
        var task = Find(header.Tag);
        var (offset, length) = (header[40], header[44]);
        lock (_owner.Gate)
        {
            if (!task.SendsData)
                throw Malformed("it asks for data of a command that sends none");
            if (task.IsRequested)
                throw Malformed("it asks for more data than was agreed on at once");
            var left = task.Data.Length - task.Offered;
            if (offset != task.Offered || length == 0 || length > left || length > _agreement.MaxBurstLength)
                throw Malformed($"it asks for {length} bytes at {offset}, where {left} bytes at {task.Offered} are due");
            (task.IsRequested, task.RequestTag, task.RequestStart) = (true, header[20], offset);
            task.Offered += length;
            task.BeginPart();
            _requested.Enqueue(task);
        }
    }

    /// <summary>Asynchronous Message (11.9): 36 event; sense data as of a response.</summary>
    private void TakeEvent(Header header, ReadOnlySpan<byte> data)
    {
        const byte scsiEvent = 0, dropsConnection = 2, dropsAll = 3, logout = 1, negotiate = 4, tasksTerminated = 5;
        switch (header.Bytes[36])
        {
            case scsiEvent:
                if (data.Length > 2)
                    _owner.Noticed(Sense.Parse(data[2..]));
                break;
            case logout or dropsConnection or dropsAll:
                throw new BlockException(BlockErrorKind.Io, "The target asks for an end of the connection");
            case negotiate or tasksTerminated:
                // A new login negotiates, and commands that were terminated are sent again over it.
                throw new BlockException(BlockErrorKind.Io, "The target asks for a new connection");
        }
    }

    private void Answer(ScsiTask task, ScsiResult result)
    {
        lock (_owner.Gate)
            (task.IsAnswered, task.Result) = (true, result);
        Hand(task);
    }

    private void Hand(ScsiTask task)
    {
        if (!EndPart(task))
            return;
        _answered.Enqueue(task);
        _answeredCount++;
    }

    private ScsiTask Find(uint tag)
    {
        var task = tag < OwnTags ? Volatile.Read(ref _inFlight[tag & SlotMask]) : null;
        return task is { IsSent: true, IsAnswered: false } && task.Tag == tag
            ? task
            : throw Malformed("an answer to no command");
    }

    private static uint ResidualOf(Header header) =>
        (header.Flags & (PduFlags.Overflow | PduFlags.Underflow)) != 0 ? header[44] : 0;
}
