// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;

namespace BlockHost.Block.Bitmaps;

/// <summary>
/// Which parts of a node have been written since the bitmap was clear, in units of <see cref="Granularity"/>. Offsets and
/// lengths are guest bytes; a unit that is touched in part is dirty as a whole. All members may be used from any thread.
/// <para>A write is marked when it has completed, so whoever resets a range before reading it loses nothing.</para>
/// </summary>
public interface IDirtyBitmap : IDisposable
{
    /// <summary>Null: a job's own.</summary>
    string? Name { get; }

    IGraphNode Node { get; }

    /// <summary>Bytes covered; follows the node's length.</summary>
    long Length { get; }

    /// <summary>Bytes of a unit: a power of two from 512 to 2 GiB.</summary>
    long Granularity { get; }

    /// <summary>Bytes of dirty units, which may reach beyond the length.</summary>
    long DirtyBytes { get; }

    /// <summary>Writes are marked. They are not while a successor stands in (see <see cref="Freeze"/>).</summary>
    bool Enabled { get; set; }

    /// <summary>Writes are marked here or in the successor: "recording" of queries.</summary>
    bool IsRecording { get; }

    /// <summary>A job, export or transaction holds it.</summary>
    bool IsBusy { get; }

    /// <summary>Stored in the image when the node closes.</summary>
    bool IsPersistent { get; set; }

    /// <summary>Another host has it from now on: the image does not get it, although it is persistent.</summary>
    bool IsHandedOver
    {
        get => false;
        set => throw new NotSupportedException("This bitmap cannot be handed over");
    }

    /// <summary>The image's copy was in use when its last user died: all that can be done with it is to remove it.</summary>
    bool IsInconsistent { get; }

    /// <summary>Stored in an image that is open for reading only.</summary>
    bool IsReadOnly { get; }

    /// <exception cref="BlockException">The bitmap is not fit for the use, with QEMU's text.</exception>
    void RequireUsable(BitmapUse use = BitmapUse.Modify);

    bool IsDirty(long offset);

    /// <summary>The run that starts at <paramref name="offset"/> and is dirty or clean throughout.</summary>
    /// <param name="bytes">Where to end at the latest; positive.</param>
    DirtyRun GetRun(long offset, long bytes);

    /// <summary>
    /// The first dirty range in [<paramref name="offset"/>, <paramref name="end"/>), cut to it and to
    /// <paramref name="maxBytes"/>.
    /// </summary>
    bool TryFindDirty(long offset, long end, long maxBytes, out DirtyRange range);

    void Set(long offset, long bytes);

    /// <summary>Marks units clean. A unit that the range covers in part becomes clean as a whole.</summary>
    void Reset(long offset, long bytes);

    void Clear();

    /// <exception cref="BlockException">The bitmaps cover different lengths, with QEMU's text.</exception>
    void RequireMergeable(IDirtyBitmap source);

    /// <summary>Marks here what is dirty in <paramref name="source"/>; granularities may differ.</summary>
    void Merge(IDirtyBitmap source);

    /// <summary>A copy of the state, for <see cref="Restore"/>.</summary>
    IBitmapContent Capture();

    /// <summary>
    /// Puts back a state captured of this bitmap; of a bitmap that was resized since, the part that still exists.
    /// </summary>
    void Restore(IBitmapContent content);

    /// <summary>
    /// The bits of the units from <paramref name="firstUnit"/> on, least significant bit first; units past the end read clean.
    /// </summary>
    /// <param name="firstUnit">A multiple of 64.</param>
    /// <returns>What all units of the span have in common.</returns>
    BitmapUniformity ReadBits(long firstUnit, Span<byte> bits);

    /// <summary>Marks units dirty where <paramref name="bits"/> says so; bits past the end are left out.</summary>
    /// <param name="firstUnit">A multiple of 64.</param>
    void AddBits(long firstUnit, ReadOnlySpan<byte> bits);

    /// <summary>Makes the bitmap busy until the result is disposed. Holds are counted.</summary>
    IDisposable Hold();

    /// <summary>
    /// Stops the bitmap at its present state for a job, and marks new writes in a successor:
    /// <see cref="IFrozenBitmap"/>. The node is drained while this is called.
    /// </summary>
    IFrozenBitmap Freeze();
}

/// <summary>A bitmap's state at one moment.</summary>
public interface IBitmapContent;

/// <summary>
/// A bitmap that a job works from. One of the two ends is called, once:
/// <code>
///   Abdicate: the successor takes the bitmap's place     (the job has copied what was dirty)
///   Reclaim:  what the successor marked is added to it   (the job failed)
/// </code>
/// Until then the bitmap is busy.
/// </summary>
public interface IFrozenBitmap
{
    IDirtyBitmap Bitmap { get; }

    /// <returns>The bitmap that now has the name; the old one is gone.</returns>
    IDirtyBitmap Abdicate();

    void Reclaim();
}

/// <summary>What <see cref="IDirtyBitmap.RequireUsable"/> lets pass.</summary>
[Flags]
public enum BitmapUse
{
    /// <summary>Content and state may be changed: nobody else uses it, it is writable and consistent.</summary>
    Modify = 0,

    /// <summary>A bitmap of an image open for reading is good enough.</summary>
    AllowReadOnly = 1,

    /// <summary>Removing.</summary>
    AllowInconsistent = 2,
}

public enum BitmapUniformity
{
    Mixed = 0,
    AllClean = 1,
    AllDirty = 2,
}

public readonly record struct DirtyRun(bool Dirty, long Bytes);

public readonly record struct DirtyRange(long Offset, long Bytes)
{
    public long End => Offset + Bytes;
}
