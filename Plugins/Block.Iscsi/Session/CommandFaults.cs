// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Iscsi.Scsi;

namespace BlockHost.Plugins.Block.Iscsi.Session;

/// <summary>Commands that failed as errors of the block graph, in QEMU's words.</summary>
internal static class CommandFaults
{
    public static BlockException Of(ScsiTask task, ScsiResult result) => Of(NameOf(task.Kind), task.Block, result);

    /// <param name="block">The first of the range; null: it has none.</param>
    public static BlockException Of(string command, long? block, ScsiResult result)
    {
        var place = block is null ? "" : $" at lba {block}";
        var errno = result.Status switch
        {
            ScsiStatus.CheckCondition => Sense.Parse(result.Sense.Span).Errno,
            ScsiResult.TimedOut => Errno.ETIMEDOUT,
            ScsiStatus.Busy or ScsiStatus.TaskSetFull => Errno.EBUSY,
            _ => Errno.EIO,
        };
        return new BlockException(KindOf(errno), $"iSCSI {command} failed{place}: {result}", errno);
    }

    public static BlockException Short(ScsiTask task)
    {
        var reason = task.SendsData
            ? $"the target left out {task.Residual} bytes"
            : $"the target sent {task.Received} of {task.Data.Length} bytes";
        return new(BlockErrorKind.Io, $"iSCSI {NameOf(task.Kind)} failed at lba {task.Block}: {reason}");
    }

    private static string NameOf(TaskKind kind) => kind switch
    {
        TaskKind.Read => "READ10/16",
        TaskKind.Write => "WRITE10/16",
        TaskKind.WriteSame => "WRITESAME10/16",
        TaskKind.Unmap => "UNMAP",
        TaskKind.Flush => "SYNCHRONIZECACHE10",
        _ => "command",
    };

    private static BlockErrorKind KindOf(int errno) => errno switch
    {
        Errno.EINVAL => BlockErrorKind.InvalidArgument,
        Errno.EACCES => BlockErrorKind.PermissionDenied,
        Errno.ENOSPC => BlockErrorKind.NoSpace,
        Errno.ENOTSUP => BlockErrorKind.NotSupported,
        Errno.EBUSY => BlockErrorKind.Busy,
        _ => BlockErrorKind.Io,
    };
}
