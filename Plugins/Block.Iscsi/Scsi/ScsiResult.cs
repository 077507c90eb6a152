// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Iscsi.Scsi;

/// <summary>How a command ended (SAM-5, section 5.3).</summary>
internal enum ScsiStatus : byte
{
    Good = 0x00,
    CheckCondition = 0x02,
    Busy = 0x08,
    ReservationConflict = 0x18,
    TaskSetFull = 0x28,
    TaskAborted = 0x40,
}

/// <summary>A target's answer to a command.</summary>
/// <param name="Received">Bytes that came.</param>
/// <param name="Sense">Empty unless the status is CHECK CONDITION.</param>
internal readonly record struct ScsiResult(ScsiStatus Status, int Received, ReadOnlyMemory<byte> Sense)
{
    /// <summary>No status of a target: the command was aborted, as it took too long.</summary>
    public const ScsiStatus TimedOut = (ScsiStatus)0xFF;

    public bool IsGood => Status == ScsiStatus.Good;

    public override string ToString() => Status switch
    {
        ScsiStatus.Good => "Good",
        ScsiStatus.CheckCondition => Scsi.Sense.Parse(Sense.Span).ToString(),
        ScsiStatus.Busy => "BUSY",
        ScsiStatus.ReservationConflict => "RESERVATION CONFLICT",
        ScsiStatus.TaskSetFull => "TASK_SET_FULL",
        ScsiStatus.TaskAborted => "TASK_ABORTED",
        TimedOut => "TIMEOUT",
        _ => $"status 0x{(byte)Status:x2}",
    };
}
