// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Block;

namespace BlockHost.Posix;

/// <summary>The members of struct io_uring_sqe that plain reads and writes use.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
public struct UringSubmission
{
    public const byte Nop = 0;
    public const byte ReadVector = 1;
    public const byte WriteVector = 2;

    [FieldOffset(0)]
    public byte Operation;

    [FieldOffset(4)]
    public int Descriptor;

    [FieldOffset(8)]
    public long Offset;

    [FieldOffset(16)]
    public ulong Address;

    [FieldOffset(24)]
    public int Length;

    [FieldOffset(28)]
    public int CallFlags;

    [FieldOffset(32)]
    public ulong Data;
}

/// <summary>struct io_uring_cqe.</summary>
public struct UringCompletion
{
    public ulong Data;
    public int Result;
    public uint Flags;
}

/// <summary>
/// struct io_uring_params.
/// <code>
///   0  sq_entries  cq_entries  flags  sq_thread_cpu  sq_thread_idle  features  wq_fd  resv[3]
///  40  sq_off: head tail ring_mask ring_entries flags dropped array …
///  80  cq_off: head tail ring_mask ring_entries overflow cqes …
/// </code>
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 120)]
public struct UringParameters
{
    public const uint Clamp = 1 << 4;
    public const uint SingleMapping = 1;

    [FieldOffset(0)]
    public uint SubmissionEntries;

    [FieldOffset(4)]
    public uint CompletionEntries;

    [FieldOffset(8)]
    public uint Flags;

    [FieldOffset(20)]
    public uint Features;

    [FieldOffset(44)]
    public uint SubmissionTail;

    [FieldOffset(48)]
    public uint SubmissionMask;

    [FieldOffset(64)]
    public uint SubmissionArray;

    [FieldOffset(80)]
    public uint CompletionHead;

    [FieldOffset(84)]
    public uint CompletionTail;

    [FieldOffset(88)]
    public uint CompletionMask;

    [FieldOffset(100)]
    public uint Completions;
}

/// <summary>An io_uring instance: its descriptor and the two rings it shares with the kernel.</summary>
public sealed unsafe class IoUring : IDisposable
{
    private const int SetupCall = 425;
    private const int EnterCall = 426;
    private const nuint GetEvents = 1;
    private const long EntriesOffset = 0x10000000;

    private readonly int _fd;
    private readonly byte* _rings;
    private readonly nuint _ringsLength;
    private readonly UringSubmission* _entries;
    private readonly nuint _entriesLength;
    private readonly uint* _submissionTail;
    private readonly uint _submissionMask;
    private readonly uint* _submissionArray;
    private readonly uint* _completionHead;
    private readonly uint* _completionTail;
    private readonly uint _completionMask;
    private readonly UringCompletion* _completions;

    /// <exception cref="BlockException">The kernel has no io_uring, or refuses it here.</exception>
    public IoUring(uint entries)
    {
        UringParameters p = new() { Flags = UringParameters.Clamp };
        _fd = (int)Libc.syscall2(SetupCall, entries, (nuint)(&p));
        if (_fd < 0)
            throw Refused(SystemError.Last);
        if ((p.Features & UringParameters.SingleMapping) == 0)
        {
            _ = Libc.close(_fd);
            throw Refused(Errno.ENOSYS);
        }

        _ringsLength = Math.Max(
            p.SubmissionArray + p.SubmissionEntries * sizeof(uint),
            p.Completions + p.CompletionEntries * (uint)sizeof(UringCompletion));
        _entriesLength = p.SubmissionEntries * (uint)sizeof(UringSubmission);
        _rings = (byte*)Map(_ringsLength, 0);
        _entries = (UringSubmission*)Map(_entriesLength, EntriesOffset);
        _submissionTail = (uint*)(_rings + p.SubmissionTail);
        _submissionMask = *(uint*)(_rings + p.SubmissionMask);
        _submissionArray = (uint*)(_rings + p.SubmissionArray);
        _completionHead = (uint*)(_rings + p.CompletionHead);
        _completionTail = (uint*)(_rings + p.CompletionTail);
        _completionMask = *(uint*)(_rings + p.CompletionMask);
        _completions = (UringCompletion*)(_rings + p.Completions);
    }

    /// <summary>
    /// Queues one entry and hands it to the kernel. One caller at a time. Answers an errno, 0 when the kernel has it.
    /// </summary>
    public int Submit(in UringSubmission entry)
    {
        var tail = *_submissionTail;
        var index = tail & _submissionMask;
        _entries[index] = entry;
        _submissionArray[index] = index;
        Volatile.Write(ref *_submissionTail, tail + 1);
        while (true)
        {
            var n = Libc.syscall6(EnterCall, (nuint)_fd, 1, 0, 0, 0, 0);
            if (n == 1)
                return 0;
            var errno = n < 0 ? SystemError.Last : Errno.EAGAIN;
            if (errno == Errno.EINTR)
                continue;

            // The kernel took nothing: take the entry back, or it would go out with the next one.
            Volatile.Write(ref *_submissionTail, tail);
            return errno;
        }
    }

    /// <summary>Waits until a completion is there.</summary>
    public void Wait() => _ = Libc.syscall6(EnterCall, (nuint)_fd, 0, 1, GetEvents, 0, 0);

    /// <summary>Takes the next completion, if one is there. One caller at a time.</summary>
    public bool TryTake(out UringCompletion completion)
    {
        var head = *_completionHead;
        if (head == Volatile.Read(ref *_completionTail))
        {
            completion = default;
            return false;
        }

        completion = _completions[head & _completionMask];
        Volatile.Write(ref *_completionHead, head + 1);
        return true;
    }

    public void Dispose()
    {
        _ = Libc.munmap(_entries, _entriesLength);
        _ = Libc.munmap(_rings, _ringsLength);
        _ = Libc.close(_fd);
    }

    private void* Map(nuint length, long offset)
    {
        const int ReadWrite = 3;
        const int SharedPopulate = 0x8001;
        var address = Libc.mmap(null, length, ReadWrite, SharedPopulate, _fd, offset);
        if ((nint)address != -1)
            return address;
        var errno = SystemError.Last;
        if (_rings != null)
            _ = Libc.munmap(_rings, _ringsLength);
        _ = Libc.close(_fd);
        throw Refused(errno);
    }

    private static BlockException Refused(int errno) =>
        SystemError.Exception("Unable to use linux io_uring: failed to init linux io_uring ring", errno);
}
