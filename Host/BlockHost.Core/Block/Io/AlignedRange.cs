// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Block.Io;

/// <summary>
/// A range of bytes and the aligned range around it.
/// <code>
///   Start    offset            offset+bytes    End
///     |─head──|──────── bytes ──────|────tail───|
/// </code>
/// </summary>
internal readonly record struct AlignedRange(long Offset, long Bytes, long Mask)
{
    public long Start => Offset & ~Mask;

    public long End => (Offset + Bytes + Mask) & ~Mask;

    public int Head => (int)(Offset - Start);

    public int Tail => (int)(End - Offset - Bytes);

    public bool IsAligned => ((Offset | Bytes) & Mask) == 0;

    /// <summary>The aligned part inside the range; empty where there is none.</summary>
    public (long Start, long End) Inside
    {
        get
        {
            var start = (Offset + Mask) & ~Mask;
            return (start, Math.Max(start, (Offset + Bytes) & ~Mask));
        }
    }
}
