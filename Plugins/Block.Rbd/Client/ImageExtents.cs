// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using BlockHost.Plugins.Block.Rbd.Native;

namespace BlockHost.Plugins.Block.Rbd.Client;

/// <summary>
/// Which objects of an image exist, by its object map (the feature fast-diff). Without a map that can be believed all of the
/// image is taken for data, as finding out would mean to ask for each object.
/// </summary>
/// <param name="version">Of librbd.</param>
internal sealed class ImageExtents(Version version)
{
    private const int Enough = -9000;

    /// <summary>
    /// librbd before this takes an offset within an object wrongly (tracker.ceph.com/issues/53784): it is rounded down, which can
    /// be done where an object is one piece of the disk, and no other image shows through.
    /// </summary>
    private static readonly Version Mended = new(1, 17);

    /// <summary>How the run that begins at <paramref name="offset"/> reads.</summary>
    /// <param name="bytes">From there on, all within the image.</param>
    public unsafe (bool IsData, long Bytes) Find(ImageHandle image, long offset, long bytes, long objectSize)
    {
        var unknown = (true, bytes);
        if (!HasMap(image, out var features))
            return unknown;
        var rounded = version >= Mended ? 0 : offset % objectSize;
        if (version < Mended && !CanRound(image, features))
            return unknown;
        var run = new Run { Start = offset - rounded, End = offset - rounded };
        var result = Librbd.rbd_diff_iterate2(
            image, null, (ulong)run.Start, (ulong)(bytes + rounded), includeParent: 1, wholeObject: 1, &Found, &run);
        if (result is < 0 and not Enough)
            return unknown;
        if (!run.IsData && result >= 0)
            run.End = offset + bytes;
        var length = Math.Min(run.End - offset, bytes);
        return length > 0 ? (run.IsData, length) : unknown;
    }

    private static bool HasMap(ImageHandle image, out ulong features) =>
        Librbd.rbd_get_features(image, out features) >= 0
        && (features & Librbd.FeatureFastDiff) != 0
        && Librbd.rbd_get_flags(image, out var flags) >= 0
        && (flags & Librbd.FlagFastDiffInvalid) == 0;

    private static bool CanRound(ImageHandle image, ulong features) =>
        (features & Librbd.FeatureStriping) == 0
        && Librbd.rbd_get_parent_info(image, 0, 0, 0, 0, 0, 0) == -BlockHost.Block.Errno.ENOENT;

    /// <summary>Ceph calls it with one object that exists after the other, in the thread that asks.</summary>
    [UnmanagedCallersOnly]
    private static unsafe int Found(ulong offset, nuint length, int exists, void* state)
    {
        ref var run = ref Unsafe.AsRef<Run>(state);
        if (exists == 0)
            return 0;
        var (from, to) = ((long)offset, (long)offset + (long)length);
        if (from > run.End)
        {
            // Nothing is there before this object, or between the last and this one.
            if (!run.IsData)
                run.End = from;
            return Enough;
        }

        (run.IsData, run.End) = (true, to);
        return 0;
    }

    private struct Run
    {
        public long Start;
        public long End;
        public bool IsData;
    }
}
