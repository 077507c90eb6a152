// SPDX-License-Identifier: MIT
using System.Buffers;

namespace BlockHost.Remote.Reading;

/// <summary>A part of the object that was fetched before somebody asked for it, or is just being fetched.</summary>
internal sealed class Chunk(long start, int length, IMemoryOwner<byte> buffer)
{
    private readonly TaskCompletionSource<bool> _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public long Start => start;

    public int Length => length;

    public long End => start + length;

    public Memory<byte> Data => buffer.Memory[..length];

    /// <summary>True: the data is there. False: it could not be had.</summary>
    public Task<bool> Loaded => _loaded.Task;

    public bool HasData => _loaded.Task is { IsCompletedSuccessfully: true, Result: true };

    /// <summary>Readers and the loader; under the lock of <see cref="ReadAhead"/>, as all that follows.</summary>
    public int Users { get; set; }

    public long LastUse { get; set; }

    /// <summary>Nobody finds it any more: who uses it last gives the buffer back.</summary>
    public bool IsGone { get; set; }

    public void Complete(bool loaded) => _loaded.TrySetResult(loaded);

    public void Free() => buffer.Dispose();
}
