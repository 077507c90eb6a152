// SPDX-License-Identifier: MIT
using System.Buffers;

namespace BlockHost.Block;

/// <summary>
/// Pinned buffers, aligned for direct I/O (4096 bytes at least). Dispose returns a buffer; the pool keeps a leak ledger.
/// </summary>
public interface IIoBufferPool
{
    /// <summary>A buffer of exactly <paramref name="length"/> bytes with undefined content.</summary>
    IMemoryOwner<byte> Rent(int length);

    /// <summary>Buffers rented and not yet returned.</summary>
    int Outstanding { get; }
}
