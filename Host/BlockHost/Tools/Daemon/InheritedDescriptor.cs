// SPDX-License-Identifier: MIT
using BlockHost.Core.Descriptors;
using BlockHost.Posix;
using BlockHost.Qmp;

namespace BlockHost.Tools.Daemon;

/// <summary>--add-fd: a descriptor that the process was started with goes into a set.</summary>
internal sealed record InheritedDescriptor
{
    private const int StandardError = 2;

    public long? Fd { get; init; }

    public long? Set { get; init; }

    public string? Opaque { get; init; }

    /// <exception cref="QmpException">With the text that follows the option on QEMU's command line.</exception>
    public void AddTo(DescriptorSets sets)
    {
        const int getFlags = 1;
        const int closeOnExec = 1;
        const int duplicateCloseOnExec = 1030;
        if (Fd is not (>= 0 and <= int.MaxValue and var fd))
            throw new QmpException("fd option is required and must be non-negative");
        if (fd <= StandardError)
            throw new QmpException("fd cannot be a standard I/O stream");
        // What this process has opened itself is closed on exec, and so was not inherited.
        if (Libc.fcntl((int)fd, getFlags, 0) is var flags && (flags < 0 || (flags & closeOnExec) != 0))
            throw new QmpException("fd is not valid or already in use");
        if (Set is not (>= 0 and var set))
            throw new QmpException("set option is required and must be non-negative");
        var own = Libc.fcntl((int)fd, duplicateCloseOnExec, 0);
        if (own < 0)
            throw new QmpException($"error duplicating fd: {SystemError.Text(SystemError.Last)}");
        sets.Add(set, own, Opaque);
        _ = Libc.close((int)fd);
    }
}
