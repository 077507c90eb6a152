// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block.Bitmaps;
using BlockHost.Core.Block.Bitmaps;

namespace BlockHost.Core.Block;

/// <summary>
/// Dirty bitmaps. A node on which none records pays one comparison for each write, and that in the slow path only.
/// </summary>
internal sealed partial class GraphNode
{
    private DirtyBitmap[] _recorders = [];

    public NodeBitmaps Bitmaps { get; }

    public IDirtyBitmaps DirtyBitmaps => Bitmaps;

    /// <summary>The bitmaps that record, from the next write on.</summary>
    public void TakeRecorders(DirtyBitmap[] recorders) => Volatile.Write(ref _recorders, recorders);

    /// <summary>A write or discard is over; it may have failed half-way.</summary>
    private void MarkDirty(long offset, long bytes)
    {
        foreach (var bitmap in Volatile.Read(ref _recorders))
            bitmap.Mark(offset, bytes);
    }

    private ValueTask MarkDirtyAfterAsync(ValueTask write, long offset, long bytes)
    {
        if (!write.IsCompleted)
            return MarkDirtyWhenDoneAsync(write, offset, bytes);
        MarkDirty(offset, bytes);
        return write;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask MarkDirtyWhenDoneAsync(ValueTask write, long offset, long bytes)
    {
        try
        {
            await write.ConfigureAwait(false);
        }
        finally
        {
            MarkDirty(offset, bytes);
        }
    }
}
