// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>Why an image's metadata was refused.</summary>
internal enum Qcow2Fault
{
    /// <summary>The bytes contradict the specification.</summary>
    Invalid,

    /// <summary>The image is sound, but uses something this driver does not serve.</summary>
    Unsupported,

    /// <summary>A size is beyond what the format's tables can describe.</summary>
    TooLarge,
}

/// <summary>Metadata that cannot be accepted. The message is QEMU's for the same image where it has one.</summary>
internal sealed class Qcow2FormatException(string message, Qcow2Fault fault = Qcow2Fault.Invalid) : Exception(message)
{
    public Qcow2Fault Fault { get; } = fault;

    /// <summary>A further line for a user: what helps.</summary>
    public string? Hint { get; init; }

    public BlockException ToBlockException() => Fault switch
    {
        Qcow2Fault.Unsupported => new BlockException(BlockErrorKind.NotSupported, Message, innerException: this) { Hint = Hint },
        Qcow2Fault.TooLarge => new BlockException(BlockErrorKind.InvalidArgument, Message, Errno.EFBIG, this) { Hint = Hint },
        _ => new BlockException(BlockErrorKind.InvalidArgument, Message, innerException: this) { Hint = Hint },
    };
}
