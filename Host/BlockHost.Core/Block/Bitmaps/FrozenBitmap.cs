// SPDX-License-Identifier: MIT
using BlockHost.Block.Bitmaps;

namespace BlockHost.Core.Block.Bitmaps;

/// <summary>A bitmap at rest and the one that records meanwhile.</summary>
internal sealed class FrozenBitmap(NodeBitmaps owner, DirtyBitmap bitmap, DirtyBitmap successor, IDisposable hold) : IFrozenBitmap
{
    public IDirtyBitmap Bitmap => bitmap;

    public IDirtyBitmap Abdicate()
    {
        owner.Replace(bitmap, successor);
        hold.Dispose();
        return successor;
    }

    public void Reclaim()
    {
        owner.Rejoin(bitmap, successor);
        hold.Dispose();
    }
}
