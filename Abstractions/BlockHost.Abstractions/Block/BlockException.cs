// SPDX-License-Identifier: MIT
namespace BlockHost.Block;

/// <summary>What went wrong, for code that decides; <see cref="BlockException.Errno"/> is what a guest sees.</summary>
public enum BlockErrorKind
{
    Io = 0,
    InvalidArgument = 1,
    OutOfRange = 2,
    PermissionDenied = 3,
    ReadOnly = 4,
    NotSupported = 5,
    NoSpace = 6,
    Corrupt = 7,
    Busy = 8,
    NotFound = 9,
    Yanked = 10,
    ShuttingDown = 11,
    AlreadyExists = 12,
}

/// <summary>The one exception of the block graph.</summary>
public sealed class BlockException : IOException
{
    public BlockException(BlockErrorKind kind, string message, int errno = 0, Exception? innerException = null)
        : base(message, innerException)
    {
        Kind = kind;
        Errno = errno != 0 ? errno : DefaultErrno(kind);
    }

    /// <summary>An option is wrong.</summary>
    public BlockException(ParameterFault parameter)
        : this(BlockErrorKind.InvalidArgument, parameter.ToString()) => Parameter = parameter;

    public BlockErrorKind Kind { get; }

    /// <summary>The option at fault, where it is one.</summary>
    public ParameterFault? Parameter { get; init; }

    /// <summary>Positive Linux errno.</summary>
    public int Errno { get; }

    /// <summary>Node on which the error arose, where whoever threw it knew.</summary>
    public string? NodeName { get; set; }

    /// <summary>Offset in bytes on that node.</summary>
    public long? Offset { get; set; }

    /// <summary>A second line for people, as QEMU prints after some errors.</summary>
    public string? Hint { get; init; }

    private static int DefaultErrno(BlockErrorKind kind) => kind switch
    {
        BlockErrorKind.InvalidArgument or BlockErrorKind.OutOfRange => Block.Errno.EINVAL,
        BlockErrorKind.PermissionDenied => Block.Errno.EPERM,
        BlockErrorKind.ReadOnly => Block.Errno.EACCES,
        BlockErrorKind.NotSupported => Block.Errno.ENOTSUP,
        BlockErrorKind.NoSpace => Block.Errno.ENOSPC,
        BlockErrorKind.Busy => Block.Errno.EBUSY,
        BlockErrorKind.NotFound => Block.Errno.ENOENT,
        BlockErrorKind.ShuttingDown => Block.Errno.ESHUTDOWN,
        BlockErrorKind.AlreadyExists => Block.Errno.EEXIST,
        _ => Block.Errno.EIO,
    };
}
