// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Iscsi.Scsi;

namespace BlockHost.Plugins.Block.Iscsi.Session;

/// <summary>What is done where the target does not simply say "good": as QEMU's driver does.</summary>
internal sealed partial class IscsiSession
{
    private const int MostRetries = 7;

    /// <summary>Milliseconds around which the waits for a busy target are.</summary>
    private static readonly int[] BusyPauses = [8, 32, 128, 512, 2048, 8192, 32768];

    bool IConnectionOwner.Settle(IscsiConnection connection, ScsiTask task)
    {
        if (task.IsBare)
            return true;
        var result = task.Result;
        if (result.IsGood)
        {
            Succeed(connection, task);
            return true;
        }

        if (PauseBefore(task, result) is not { } pause)
        {
            if (task.Kind is TaskKind.Read or TaskKind.Write)
                task.SetError(CommandFaults.Of(task, result));
            return true;
        }

        task.Retries++;
        if (pause == TimeSpan.Zero)
            Again(task);
        else
            _ = AgainAsync(task, pause);
        return false;
    }

    public void Noticed(Sense sense)
    {
        // A cache that was reset, or an earlier write that failed in it, is as a target that was lost.
        if ((sense.IsReset || sense.IsDeferred) && Facts.HasWriteCache)
            _unflushed.ConnectionLost();
        if (sense is { Key: SenseKey.UnitAttention, Code: Sense.CapacityChanged })
            OnResized?.Invoke();
    }

    private void Succeed(IscsiConnection connection, ScsiTask task)
    {
        if (!task.IsWhole)
        {
            task.SetError(CommandFaults.Short(task));
            return;
        }

        if (!task.Changes || task.IsDurable)
            return;
        _unflushed.Written();
        // It ended on a connection that is lost meanwhile: that counted before this write did.
        if (connection.IsLost && Facts.HasWriteCache)
            _unflushed.ConnectionLost();
    }

    /// <summary>How long to wait until the command is sent again; null: it has failed.</summary>
    private TimeSpan? PauseBefore(ScsiTask task, ScsiResult result)
    {
        var sense = result.Status == ScsiStatus.CheckCondition ? Sense.Parse(result.Sense.Span) : default;
        if (result.Status == ScsiStatus.CheckCondition)
            Noticed(sense);
        if (task.Retries == MostRetries || task.Kind == TaskKind.Passed)
            return null;
        return result.Status switch
        {
            ScsiStatus.Busy or ScsiStatus.TaskSetFull or ScsiResult.TimedOut => BusyPause(task.Retries),
            ScsiStatus.TaskAborted => TimeSpan.Zero,
            ScsiStatus.CheckCondition when sense.MayPass => TimeSpan.Zero,
            _ => null,
        };
    }

    private static TimeSpan BusyPause(int retries) =>
        TimeSpan.FromMilliseconds(Random.Shared.Next(1, 2 * BusyPauses[Math.Min(retries, BusyPauses.Length - 1)]));

    private void Again(ScsiTask task)
    {
        IscsiConnection? connection;
        lock (Gate)
            connection = Enqueue(task);
        connection?.Flush();
    }

    private async Task AgainAsync(ScsiTask task, TimeSpan pause)
    {
        try
        {
            await Task.Delay(pause, _clock, _over.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // It fails at once.
        }

        Again(task);
    }
}
