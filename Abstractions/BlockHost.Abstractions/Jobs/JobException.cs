// SPDX-License-Identifier: MIT
namespace BlockHost.Jobs;

/// <summary>A job has failed. The message is what queries and BLOCK_JOB_COMPLETED show.</summary>
public sealed class JobException : Exception
{
    /// <param name="errno">Positive Linux errno.</param>
    /// <param name="message">Null: the text of <paramref name="errno"/>, as most of QEMU's jobs show it.</param>
    public JobException(int errno, string? message = null, Exception? innerException = null)
        : base(message ?? Block.ErrnoText.Of(errno), innerException) => Errno = errno;

    public int Errno { get; }
}
